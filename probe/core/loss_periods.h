// Loss periods and loss distances (RFC 3357): probes of one path that were lost one after the
// other.
//
// A period began after the probe before it, which was answered, had left, and ended before the one
// behind it did: so far its begin and its end are known.  Probes that say nothing of the path
// neither begin, nor end, nor join a period, and have no place in a distance.  Pure.
//
//   loss distance (5.1)         of a lost probe to the one that was lost before it: 1 within a
//   period loss period (5.2)           as below; their lengths (6.3) are `lost`, what is between
//   them (6.4)
//                               is `distance`
//   noticeable rate (6.1)       the share of losses whose distance is at most a constraint
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "probe/core/flow.h"

namespace rehome::probe {

struct LossPeriod {
    uint32_t first = 0;  // index of the first and the last probe that was lost
    uint32_t last = 0;
    uint32_t lost = 0;
    uint32_t distance = 0;  // of the first to the loss before it; 0: there is none
    Nanos begin = 0;        // when they left
    Nanos end = 0;
    std::optional<Nanos> good_before{};  // when the last one that was answered left; empty: none
    std::optional<Nanos> good_after{};   // the same of the next one
};

// Is fed with what says something of the path, in the order of sending.
class LossPeriods {
public:
    void answered(Nanos left);
    void lost(uint32_t index, Nanos left);

    const std::vector<LossPeriod>& list() const { return list_; }
    uint32_t longest() const;  // in probes

private:
    std::vector<LossPeriod> list_;
    std::optional<Nanos> good_;  // when the latest that was answered left
    bool open_ = false;
    uint32_t since_loss_ = 0;  // how many since the latest loss
};

struct ProbeRow;
std::vector<LossPeriod> loss_periods_of(const std::vector<ProbeRow>& probes);

struct Losses {
    uint64_t count = 0;
    uint64_t noticeable = 0;  // of these
};
Losses noticeable(const std::vector<LossPeriod>& periods, uint32_t constraint);

}  // namespace rehome::probe
