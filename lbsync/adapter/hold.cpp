#include "lbsync/adapter/hold.h"

#include <poll.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "common/clock.h"
#include "common/far_program.h"
#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/place.h"

namespace rehome::lbsync {

namespace {

constexpr std::string_view held = "held\n";
constexpr int64_t patience_us = 30'000'000;

// What can be read until a line is whole, the other end closes, or the time is over.
std::string first_line(int fd) {
    const int64_t deadline = monotonic_us() + patience_us;
    std::string text;
    while (text.find('\n') == std::string::npos && monotonic_us() < deadline) {
        pollfd wanted{fd, POLLIN, 0};
        if (poll(&wanted, 1, 100) <= 0) {
            continue;
        }
        std::array<char, 512> buffer;
        const ssize_t got = read(fd, buffer.data(), buffer.size());
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        text.append(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
    }
    return text;
}

// Closes its input, and collects it.
int finish(Piped& child) {
    child.to.reset();
    int status = 0;
    const int64_t deadline = monotonic_us() + 2'000'000;
    pollfd ended{child.from.get(), POLLIN, 0};
    while (waitpid(child.pid, &status, WNOHANG) == 0) {
        if (monotonic_us() > deadline) {
            end(child);
            return 0;
        }
        poll(&ended, 1, 5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

}  // namespace

Result<> hold(const std::string& by, const std::string& command) {
    const auto place = place_here();
    if (!place) {
        return tl::unexpected(place.error());
    }
    const auto lock = take_lock(*place, {by, command, iso8601(now_us()), own_mark(), true});
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    unlink((*place + "/undone").c_str());  // of an apply before this work
    if (write(STDOUT_FILENO, held.data(), held.size()) != static_cast<ssize_t>(held.size())) {
        return fail(Exit::world, "standard output", "cannot be written");
    }
    std::array<char, 512> buffer;
    ssize_t got = 0;
    while ((got = read(STDIN_FILENO, buffer.data(), buffer.size())) > 0 ||
           (got < 0 && errno == EINTR)) {
    }
    return {};
}

std::string who_we_are() {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* user = nullptr;
    getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &user);
    return fmt::format("{}@{}", user != nullptr ? user->pw_name : std::to_string(geteuid()),
                       host.data());
}

std::string our_command() {
    std::ifstream file("/proc/self/cmdline");
    std::string words{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    Argv argv;
    for (size_t at = 0; at < words.size(); at = words.find('\0', at) + 1) {
        argv.emplace_back(words.c_str() + at);
    }
    if (!argv.empty()) {
        argv[0].erase(0, argv[0].rfind('/') + 1);
    }
    return printable(argv);
}

Result<Hold> Hold::take(const Host& host) {
    const std::string by = fmt::format("{}, process {}", who_we_are(), own_mark().pid);
    auto child = spawn_piped(
        host.on({path_of_ours(host, "lbsync"), "hold", "--by", by, "--command", our_command()}));
    if (!child) {
        return tl::unexpected(child.error());
    }
    if (first_line(child->from.get()) == held) {
        return Hold(host.text(), std::move(*child));
    }
    const std::string said = first_line(child->err.get());
    const bool refused = finish(*child) == static_cast<int>(Exit::no);
    return fail(refused ? Exit::no : Exit::world, host.text(),
                said.empty() ? "`lbsync hold` said nothing, expected that it holds the lock"
                             : said.substr(0, said.find('\n')));
}

Checked<void> Holds::take(const std::vector<std::string>& hosts, unsigned at_once) {
    std::vector<Result<Hold>> taken;
    taken.reserve(hosts.size());
    std::vector<Task> tasks;
    for (const std::string& host : hosts) {
        auto& place = taken.emplace_back(fail(Exit::world, host, "was not tried"));
        tasks.emplace_back([&place, &host] { place = Host::parse(host).and_then(Hold::take); });
    }
    run_at_once(tasks, at_once, "locking");
    std::vector<Error> errors;
    for (size_t i = 0; i < hosts.size(); ++i) {
        if (taken[i]) {
            holds_.emplace(hosts[i], std::move(*taken[i]));
        } else {
            errors.push_back(taken[i].error());
        }
    }
    return errors.empty() ? Checked<void>() : tl::unexpected(std::move(errors));
}

std::vector<std::string> Holds::hosts() const {
    std::vector<std::string> names;
    std::transform(holds_.begin(), holds_.end(), std::back_inserter(names),
                   [](const auto& one) { return one.first; });
    return names;
}

Result<> Holds::expect(const std::string& host) const {
    return holds_.at(host).expect();
}

Hold::~Hold() {
    if (child_.to) {
        finish(child_);
    }
}

Result<> Hold::expect() const {
    pollfd ended{child_.from.get(), POLLIN, 0};
    if (poll(&ended, 1, 0) > 0) {
        return fail(Exit::world, name_,
                    "the lock there was lost, with `lbsync hold` or with the "
                    "connection to it");
    }
    return {};
}

}  // namespace rehome::lbsync
