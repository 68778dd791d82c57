// Changes what a gateway announces to carriers: wholly and confirmed, or not at all.
//
// The way forward, in an order that BIRD's dead man's switch dictates: one at a time on this
// gateway; put back first what one before left half done; refuse what the file says of other
// carriers and BIRD has not loaded, since loading the file would tell it to them (told only, on the
// operator's way back); wait until no other configuration is unconfirmed; note the state before
// beside the include file (FILE.before); write the file; `configure timeout`; see in the tables,
// and at the far side, that every prefix stands as asked; drop the note; `configure confirm`.
//
// The way back is the same with the state before: merged into the file as it is by then, which BIRD
// would read at its next start, loaded for good, and looked at in the tables.  "Put back" is said
// of what was seen there alone.  When we are killed, the timer undoes the configuration, and the
// note lets our hand, or the next announcement, put back the file.
#pragma once

#include <chrono>

#include "common/stop_signal.h"
#include "cutover/adapter/bird/view.h"

namespace rehome::cutover {

struct AnnounceOptions {
    std::chrono::milliseconds limit{10'000};  // of each wait
    bool way_back = false;                    // the operator's undo: others' states are told only
    const StopSignal* stop = nullptr;         // ends the way forward; the way back is gone all of
};

struct Announced {
    Verdict verdict;                 // yes, or unknown: done, but what carriers hold was not seen
    std::vector<std::string> notes;  // what the operator has to know besides
};

// An error of kind world: it could not be done, and all was seen to be as before, unless it says
// that it is not put back; of kind unknown: nor can that be told.
Result<Announced> announce(const BirdTarget& target, Announce state,
                           const AnnounceOptions& options);

// Puts back what an announcement that was killed has left half done; says what it did.
Result<std::vector<std::string>> put_back_what_was_cut(const BirdTarget& target,
                                                       const AnnounceOptions& options);

}  // namespace rehome::cutover
