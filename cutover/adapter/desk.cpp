#include "cutover/adapter/desk.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "common/clock.h"
#include "cutover/adapter/terminal_prompt.h"
#include "cutover/adapter/who.h"

namespace rehome::cutover {

namespace {

constexpr Seconds for_a_vanished_terminal{3'600};
constexpr int look_every_ms = 50;

}  // namespace

Desk::Desk(const StopSignal& stop, Watch& watch, Outlet& out,
           std::unique_ptr<ControlSocket> control, std::optional<Seconds> wait)
    : stop_(stop),
      watch_(watch),
      out_(out),
      control_(std::move(control)),
      wait_(wait.value_or(terminal_is_there() ? for_a_vanished_terminal : Seconds(0))) {}

bool Desk::attended() const {
    return terminal_is_there() || (control_ && wait_ > Seconds(0));
}

std::string Desk::stop_asker() const {
    return control_ ? control_->stop_asker() : "";
}

// alone_since: from when on there has been no terminal.
bool Desk::in_time(std::optional<int64_t>& alone_since) const {
    if (terminal_is_there()) {
        alone_since.reset();
        return true;
    }
    const int64_t now_us = monotonic_us();
    const double alone_s =
        static_cast<double>(now_us - *(alone_since = alone_since.value_or(now_us))) / 1e6;
    return control_ && alone_s < wait_.count();
}

std::optional<Answer> Desk::wait_for_answer(const Question& question,
                                            const std::function<bool()>& needless) {
    std::optional<TerminalPrompt> prompt;
    if (terminal_is_there()) {
        prompt.emplace(question, out_);
    }
    std::optional<int64_t> alone_since;
    while (!stop_.wanted() && in_time(alone_since) && !needless()) {
        std::array<pollfd, 2> polled{pollfd{stop_.fd(), POLLIN, 0},
                                     pollfd{STDIN_FILENO, POLLIN, 0}};
        poll(polled.data(), prompt && prompt->listens() && !alone_since ? 2 : 1, look_every_ms);
        auto answer = control_ ? control_->answer() : std::nullopt;
        if (!answer && prompt && (answer = prompt->answer())) {
            answer->by = who(getuid()) + ", at the terminal";
        }
        if (answer) {
            return answer;
        }
    }
    return std::nullopt;
}

std::optional<Answer> Desk::ask(const Question& question, const std::function<bool()>& needless) {
    watch_.pause();
    if (control_) {
        control_->ask(question);
    }
    auto answer = wait_for_answer(question, needless);
    if (control_) {
        control_->ask(std::nullopt);
    }
    if (answer && terminal_is_there()) {
        out_.put("answered: " + answer_text(*answer) + ", by " + answer->by + "\n");
    }
    return answer;
}

}  // namespace rehome::cutover
