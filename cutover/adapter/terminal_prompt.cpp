#include "cutover/adapter/terminal_prompt.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "cutover/run/lines.h"

namespace rehome::cutover {

namespace {

constexpr size_t longest_line = 1'000;

// From the background nobody reads: that would stop us (SIGTTIN).
bool in_foreground() {
    const pid_t group = tcgetpgrp(STDIN_FILENO);
    return group < 0 || group == getpgrp();
}

bool readable() {
    pollfd polled{STDIN_FILENO, POLLIN, 0};
    return poll(&polled, 1, 0) > 0 && (polled.revents & POLLIN) != 0;
}

std::string words(const Question& question) {
    std::string text;
    for (const Choice choice : question.choices) {
        text += fmt::format("{}{}", text.empty() ? "" : "/", word(choice));
    }
    return text;
}

}  // namespace

bool terminal_is_there() {
    return isatty(STDIN_FILENO) == 1;
}

size_t columns(int fd) {
    winsize size{};
    const bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
    return known ? size.ws_col : 80;
}

TerminalPrompt::TerminalPrompt(const Question& question, Outlet& out)
    : question_(question), out_(out) {
    const std::string step = question.step.empty() ? "" : question.step + ": ";
    const size_t width = columns(STDERR_FILENO) - 1;
    out_.put(wrapped(step + question.text, width, 2) + "\n" +
             wrapped("  " + choices_text(question), width, 2) + "\n");
}

void TerminalPrompt::invite() {
    out_.put(fmt::format("[{}]> ", words(question_)));
}

std::optional<Answer> TerminalPrompt::answer() {
    if (!in_foreground()) {
        return std::nullopt;
    }
    if (!listens_ && out_.is_out()) {
        tcflush(STDIN_FILENO, TCIFLUSH);
        listens_ = true;
        invite();
    }
    if (!listens_ || !readable()) {
        return std::nullopt;
    }
    std::array<char, 256> typed{};
    const ssize_t count = read(STDIN_FILENO, typed.data(), typed.size());
    if (count == 0 && terminal_is_there()) {
        return end_line();
    }
    std::optional<Answer> answer;
    for (ssize_t i = 0; i < count && !answer; ++i) {
        answer = take(typed[static_cast<size_t>(i)]);
    }
    return answer;
}

std::optional<Answer> TerminalPrompt::take(char c) {
    if (c == '\n' || c == '\r') {
        return end_line();
    }
    // What is longer is no answer, whatever comes behind it.
    if (line_.size() < longest_line) {
        line_ += c;
    }
    return std::nullopt;
}

std::optional<Answer> TerminalPrompt::end_line() {
    auto answer = read_answer(question_, line_);
    line_.clear();
    if (answer) {
        return *answer;
    }
    out_.put(wrapped(answer.error(), columns(STDERR_FILENO) - 1, 2) + "\n");
    invite();
    return std::nullopt;
}

}  // namespace rehome::cutover
