// What became of each probe of a path, in the order of sending: what `probe compare` judges by.
//
// As text, in a result's "samples", rows of words with one space between:
//
//   3120    answered after 3,120 us           -   lost
//   3120r   answered by a reset: refused      =   never left this host, or taken by it
//   3120d   answered more than once           ?   answered, but our clock was set meanwhile
//
// r and d may stand together, and behind "?".  A long run is thinned: of `every` probes one stands
// here, so that a result stays small.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/core/series.h"

namespace rehome::probe {

struct Outcome {
    enum class End : uint8_t { answered, lost, ours };

    End end = End::lost;
    bool refused = false;
    bool duplicated = false;
    int64_t rtt_us = -1;  // of what was answered; negative: cannot be told
};

struct Outcomes {
    uint32_t every = 1;
    std::vector<Outcome> list;
};

Outcomes outcomes_of(const Series& series, Nanos wait);

std::vector<std::string> to_rows(const Outcomes& outcomes);
// Appends; false when the row has a word that is none of the above.
bool parse_row(std::string_view row, std::vector<Outcome>& list);

}  // namespace rehome::probe
