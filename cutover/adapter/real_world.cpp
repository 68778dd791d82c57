#include "cutover/adapter/real_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/far_program.h"
#include "common/fd.h"
#include "common/json/file.h"
#include "cutover/run/event.h"

namespace rehome::cutover {

namespace {

constexpr size_t longest_answer = 200;
constexpr int look_every_ms = 50;

void prompt(const std::string& text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Result<Finished> RealWorld::run(const Step& step, const Argv& argv, Seconds limit) {
    RunOptions options;
    options.timeout = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(limit),
                               std::chrono::milliseconds(1));
    return run_on(step.host, argv, options);
}

Fate RealWorld::act(const Step& step, const Argv& argv, size_t) {
    auto ended = run(step, argv, step.timeout);
    if (ended) {
        return {Fate::Kind::ended, std::move(*ended), ""};
    }
    const bool cut = ended.error().kind == Exit::unknown;
    return {cut ? Fate::Kind::cut : Fate::Kind::never_begun, {}, ended.error().text()};
}

Fate RealWorld::recall(const Step&, size_t) {
    return {Fate::Kind::cut, {}, "it was begun"};
}

Result<> RealWorld::save(const std::string& path, const std::string& content) {
    return write_file_atomically(path, content);
}

Result<> RealWorld::keep(const Step& step, const Result<Finished>& answer, const Reading& reading) {
    const std::string path = journal_.read().opening.run_dir + "/samples.jsonl";
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    const std::string line = sample_json(step, answer, reading, now()) + "\n";
    std::string_view left = line;
    while (file && !left.empty()) {
        const ssize_t count = write(file.get(), left.data(), left.size());
        if (count <= 0 && errno != EINTR) {
            break;
        }
        left.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
    if (!file || !left.empty()) {
        return fail(Exit::world, path, fmt::format("cannot be written: {}", strerror(errno)));
    }
    return {};
}

void RealWorld::begin_guard(size_t place, const Guard& guard) {
    guards_.begin(place, guard);
}

// Whether there is some; not when a stop is asked for, or when there is no need to ask any more.
bool RealWorld::wait_input(const std::function<bool()>& needless) const {
    while (!signals_.wanted()) {
        std::array<pollfd, 2> polled{pollfd{STDIN_FILENO, POLLIN, 0},
                                     pollfd{signals_.fd(), POLLIN, 0}};
        if (poll(polled.data(), polled.size(), look_every_ms) > 0 && polled[0].revents != 0) {
            return true;
        }
        if (needless()) {
            return false;
        }
    }
    return false;
}

// One line from the terminal; nothing at its end, when it is gone, when a stop is asked for, or
// when there is no need to ask any more.
std::optional<std::string> RealWorld::read_answer(const std::function<bool()>& needless) {
    std::string line;
    while (line.size() < longest_answer && wait_input(needless)) {
        char c = 0;
        const ssize_t count = read(STDIN_FILENO, &c, 1);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return std::nullopt;
        }
        if (c == '\n') {
            return line;
        }
        line += c;
    }
    return std::nullopt;
}

std::optional<std::string> RealWorld::ask(const std::string& question,
                                          const std::vector<std::string>& answers,
                                          const std::function<bool()>& needless) {
    if (isatty(STDIN_FILENO) != 1) {
        return std::nullopt;
    }
    std::string choices;
    for (const std::string& answer : answers) {
        choices += (choices.empty() ? "" : "/") + answer;
    }
    watch_.pause();
    for (;;) {
        prompt(fmt::format("{} [{}] ", question, choices));
        auto line = read_answer(needless);
        if (!line || std::find(answers.begin(), answers.end(), *line) != answers.end()) {
            return line;
        }
    }
}

}  // namespace rehome::cutover
