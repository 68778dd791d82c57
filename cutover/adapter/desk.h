// Where the operator is asked: at the run's terminal, and from any other by its socket, whichever
// answers first.
//
// With a terminal a question waits for as long as it takes.  Without one it waits for the socket
// alone, so long as it is let: by what was asked for when the run was started; an hour where a
// terminal was there and has vanished; not at all otherwise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/stop_signal.h"
#include "cutover/adapter/control_socket.h"
#include "cutover/adapter/outlet.h"
#include "cutover/adapter/watch.h"
#include "cutover/run/question.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

class Desk {
public:
    // out: where questions are put.  control: none where nobody can answer from another terminal.
    Desk(const StopSignal& stop, Watch& watch, Outlet& out, std::unique_ptr<ControlSocket> control,
         std::optional<Seconds> wait);

    // Whether there is somebody who may answer.
    bool attended() const;

    // The answer; nothing when a stop is asked for, when there is no need any more, or when nobody
    // has answered in time.
    std::optional<Answer> ask(const Question& question, const std::function<bool()>& needless);

    std::string stop_asker() const;

private:
    std::optional<Answer> wait_for_answer(const Question& question,
                                          const std::function<bool()>& needless);
    bool in_time(std::optional<int64_t>& alone_since) const;

    const StopSignal& stop_;
    Watch& watch_;
    Outlet& out_;
    std::unique_ptr<ControlSocket> control_;
    Seconds wait_;  // without a terminal
};

}  // namespace rehome::cutover
