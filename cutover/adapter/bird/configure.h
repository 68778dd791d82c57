// BIRD's reconfiguration, with its dead man's switch: `configure timeout N` undoes itself unless it
// is confirmed.  What it does not say by itself:
//
//   - any later `configure`, even one that is refused, disarms the timer and tells nobody;
//     `configure check` does not;
//   - `configure undo` goes back one configuration, whoever made it, and answers 0019 when there
//     is none to go back to: what stands afterwards has to be looked at.
//
// Refusals are errors of kind world that show the line that BIRD does not take.  Not thread-safe.
#pragma once

#include <chrono>
#include <functional>

#include "common/stop_signal.h"
#include "cutover/adapter/bird/client.h"

namespace rehome::cutover {

// How long each wait may take, and what ends it before; null: nothing.
struct Patience {
    std::chrono::milliseconds limit{10'000};
    const StopSignal* stop = nullptr;
};

// Polls until the condition holds; false at the limit.  An error ends it at once, also that a stop
// was asked for.
Result<bool> wait_until(const Patience& patience, const std::function<Result<bool>()>& condition);

// Whether a configuration waits to be confirmed.
Result<bool> is_unconfirmed(BirdClient& bird);

// Whether BIRD would take its files as they are now.
Result<> check_files(BirdClient& bird);

// Takes the files, undone after guard_s unless confirmed (0: for good), and waits until it runs
// with them.
Result<> configure(BirdClient& bird, int64_t guard_s, const Patience& patience);

Result<> confirm(BirdClient& bird);

// Goes back to the configuration before; false: there was none to go back to.
Result<bool> undo(BirdClient& bird, const Patience& patience);

}  // namespace rehome::cutover
