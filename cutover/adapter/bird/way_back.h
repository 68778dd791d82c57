// The way back of an announcement, whoever goes it: the one that failed, or the next one after one
// that was killed and has left a note.
//
// The note, FILE.before beside the include file, has the lines of the carriers that were about to
// change, as they were.  It is on the disk before the include file changes, and gone before the
// change is confirmed: a note never speaks of what has been confirmed.
#pragma once

#include <chrono>

#include "cutover/adapter/bird/view.h"

namespace rehome::cutover {

// Empty when there is none.
Result<AnnounceStates> read_note(const BirdTarget& target);
Result<> write_note(const BirdTarget& target, const AnnounceStates& before);
Result<> drop_note(const BirdTarget& target);

// The carriers of the target that have a state there.
BirdTarget narrowed(const BirdTarget& target, const AnnounceStates& states);

// The worst over its carriers, "no" before "cannot tell".
Verdict judge_all(const BirdView& view, const AnnounceStates& states);

// What the file says of carriers beside these and BIRD does not run with, a line each.
Result<std::vector<std::string>> not_loaded(BirdClient& bird, const BirdTarget& target,
                                            const AnnounceStates& besides);

// Withdrawing although BIRD takes no configuration: what to say to it, and what else that cuts;
// empty when none of these states is withdrawn, or BIRD cannot be asked.
std::string offer_to_disable(const BirdTarget& target, const AnnounceStates& states);

// Everything of these carriers as it was before, as far as that can be done, and whether it was
// seen to be so.  Asks BIRD by a connection of its own, also when it has just been restarted.
Verdict go_back(const BirdTarget& target, const AnnounceStates& before,
                std::chrono::milliseconds limit);

}  // namespace rehome::cutover
