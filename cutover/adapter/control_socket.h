// Another terminal's way to a run: the socket JOURNAL.d/control (see control.h), which only its
// owner may use, and a group where one is named.
//
// A thread of its own listens, so that nobody who connects keeps the run waiting, and reads of each
// connection one line, within a time; of too many at once the oldest is dropped.  Who answers is
// whom the kernel names (SO_PEERCRED).  The first answer that fits the question is taken, later
// ones are told that nothing is asked.  An answer that was taken is in the journal only once the
// runner has written it there, which is what who answered looks for.  Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/error.h"
#include "common/stop_signal.h"
#include "cutover/run/control.h"

namespace rehome::cutover {

class ControlSocket {
public:
    // A socket that a runner before has left is replaced: the caller holds the journal.  The folder
    // is JOURNAL.d; group: its name, empty for none.
    static Result<std::unique_ptr<ControlSocket>> listen(const std::string& folder,
                                                         const std::string& group,
                                                         const StopSignal& stop);
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;
    ~ControlSocket();

    // From here on this is asked; nothing: nothing is.
    void ask(const std::optional<Question>& question);

    // Once somebody has answered it.
    std::optional<Answer> answer();

    std::string stop_asker();  // empty: nobody

private:
    struct State;
    explicit ControlSocket(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

// Whether there is a group of this name; none is asked for by an empty one.
Result<> check_group(const std::string& name);

// Tells it to the run; kind world when none listens there.
Result<ControlReply> tell_run(const std::string& folder, const ControlRequest& request);

}  // namespace rehome::cutover
