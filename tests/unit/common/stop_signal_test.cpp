// What a signal does depends on the process, so that some cases run in a child of their own.
#include "common/stop_signal.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "common/clock.h"

namespace rehome {
namespace {

using namespace std::chrono_literals;

bool readable(int fd) {
    pollfd polled{fd, POLLIN, 0};
    return poll(&polled, 1, 0) == 1;
}

struct Ended {
    int status = 0;
    std::string err;
};

// What act does to a process: how it ended and what it said.
Ended in_child(const std::function<int()>& act) {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(act());
    }
    close(ends[1]);
    Ended ended;
    std::array<char, 256> buffer{};
    for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
        ended.err.append(buffer.data(), static_cast<size_t>(got));
    }
    close(ends[0]);
    waitpid(child, &ended.status, 0);
    return ended;
}

TEST_CASE("either signal is a wish, and stays one") {
    for (const int number : {SIGINT, SIGTERM}) {
        const auto stop = StopSignal::watch();
        REQUIRE(stop);
        CHECK(!stop->wanted());
        CHECK(!readable(stop->fd()));
        raise(number);
        raise(number);
        CHECK(stop->wanted());
        CHECK(readable(stop->fd()));
        CHECK(readable(stop->fd()));
    }
}

TEST_CASE("waiting ends with the wish, which may come from another thread") {
    const auto stop = StopSignal::watch();
    REQUIRE(stop);
    const int64_t start = monotonic_us();
    stop->wait(20ms);
    CHECK(monotonic_us() - start >= 20'000);
    const std::jthread other([] { kill(getpid(), SIGTERM); });
    stop->wait(60s);
    CHECK(stop->wanted());
    CHECK(monotonic_us() - start < 30'000'000);
}

TEST_CASE("a descriptor is waited for until the wish comes") {
    const auto stop = StopSignal::watch();
    REQUIRE(stop);
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    REQUIRE(write(ends[1], "x", 1) == 1);
    CHECK(stop->wait_readable(ends[0]));
    raise(SIGINT);
    CHECK(!stop->wait_readable(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("one at a time, and nothing of it is left") {
    struct sigaction before {};
    sigaction(SIGTERM, nullptr, &before);
    {
        const auto stop = StopSignal::watch();
        REQUIRE(stop);
        CHECK(!StopSignal::watch());
    }
    struct sigaction after {};
    sigaction(SIGTERM, nullptr, &after);
    CHECK((after.sa_handler == before.sa_handler));
    CHECK(StopSignal::watch());
}

TEST_CASE("a second SIGINT leaves where that is wanted, whatever the process is busy with") {
    const StopSignal::Manner manner{.asked = "stopping\n", .left = "left\n"};
    const auto interrupted = [&](std::vector<int> numbers) {
        return in_child([&] {
            const auto stop = StopSignal::watch(manner);
            for (const int number : numbers) {
                raise(number);
            }
            return stop && stop->wanted() ? 7 : 8;
        });
    };
    const auto left = interrupted({SIGINT, SIGINT});
    CHECK(WEXITSTATUS(left.status) == 128 + SIGINT);
    CHECK(left.err == "stopping\nleft\n");
    for (const auto& numbers : {std::vector{SIGINT}, {SIGTERM, SIGTERM}, {SIGTERM, SIGINT}}) {
        const auto stayed = interrupted(numbers);
        CHECK(WEXITSTATUS(stayed.status) == 7);
        CHECK(stayed.err == "stopping\n");
    }
}

TEST_CASE("SIGHUP ends the process unless it outlives its terminal") {
    for (const bool outlives : {false, true}) {
        const auto ended = in_child([&] {
            const auto stop = StopSignal::watch({.outlives_terminal = outlives});
            raise(SIGHUP);
            return stop && !stop->wanted() ? 7 : 8;
        });
        CHECK(WIFSIGNALED(ended.status) == !outlives);
        CHECK(WEXITSTATUS(ended.status) == (outlives ? 7 : 0));
    }
}

}  // namespace
}  // namespace rehome
