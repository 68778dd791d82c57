// The include file of bird.conf in which it stands what is announced to which carrier:
//
//   # comment
//   define state_red = 2;       0 withdrawn, 1 drained, 2 announced
//
// One line a carrier and nothing else.  bird.conf's export filters use these constants.  Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace rehome::cutover {

enum class Announce {
    withdrawn = 0,
    drained = 1,  // with GRACEFUL_SHUTDOWN, and prepended: the last choice of everybody
    announced = 2,
};

std::string_view name(Announce state);
std::optional<Announce> parse_announce(std::string_view text);

using AnnounceStates = std::map<std::string, Announce, std::less<>>;  // by carrier

Result<AnnounceStates> parse_announce_file(const std::string& file, std::string_view text);
std::string announce_file_text(const AnnounceStates& states);

// The text with these carriers' states; all else in it stays.  Every carrier has its line there.
std::string with_states(std::string_view text, const AnnounceStates& states);

}  // namespace rehome::cutover
