// Whom a hand obeys: the newest runner of a run, and one run at a time.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cutover/hand/record.h"

namespace rehome::cutover {

// The newest runner of a run that this host has heard, and the hand that works for it.
struct Reign {
    uint64_t epoch = 0;
    std::string session{};
    ProcessMark hand{};
    uint64_t since = 0;  // the epoch in which this host heard of the run first
};

// Why the runner is not obeyed; empty: it is.
std::string why_not(const Hello& hello, const Reign& reign);

// Why the host cannot be held for it; empty: it can.
std::string why_held(const Hello& hello, const std::optional<Holder>& holder);

// By what the host is held from here on, since when it was taken first.
Holder held_by(const Hello& hello, const std::optional<Holder>& before);

// As they stand in files.
std::string text_of(const Reign& reign);
std::string text_of(const Holder& holder);
Result<Reign> parse_reign(const std::string& file, std::string_view text);
Result<Holder> parse_holder(const std::string& file, std::string_view text);

// What a command that was not ended by itself has to say for itself; empty when it has.
std::string why_cut(const Ending& ending);

}  // namespace rehome::cutover
