// Where text goes: a reader that is slow, stuck or gone keeps nobody waiting.
#include "cutover/adapter/outlet.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "common/fd.h"

namespace rehome::cutover::testing {

namespace {

using namespace std::chrono_literals;

struct Pipe {
    Fd reads;
    Fd writes;

    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(pipe(ends.data()) == 0);
        reads = Fd(ends[0]);
        writes = Fd(ends[1]);
    }

    // All that comes, until nothing has for so long.
    std::string read_all(int quiet_ms = 200) const {
        std::string text;
        std::array<char, 65536> some{};
        for (pollfd polled{reads.get(), POLLIN, 0}; poll(&polled, 1, quiet_ms) > 0;) {
            const ssize_t count = read(reads.get(), some.data(), some.size());
            if (count <= 0) {
                break;
            }
            text.append(some.data(), static_cast<size_t>(count));
        }
        return text;
    }
};

std::string told(size_t lines) {
    return std::to_string(lines) + " dropped\n";
}

// Reads until all is out.
bool wait_until_out(const Outlet& out, const Pipe& pipe, std::string& text) {
    for (int i = 0; i < 1'000 && !out.is_out(); ++i) {
        text += pipe.read_all(10);
    }
    text += pipe.read_all(10);
    return out.is_out();
}

size_t lines_in(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("text comes out whole and in order") {
    const Pipe pipe;
    Outlet out(pipe.writes.get(), told);
    std::string all;
    for (int i = 0; i < 100; ++i) {
        out.put(std::to_string(i) + "\n");
        all += std::to_string(i) + "\n";
    }
    CHECK(out.drain(5s));
    CHECK(out.is_out());
    CHECK(pipe.read_all() == all);
}

TEST_CASE("a reader that stands still keeps nobody waiting, and is told what it has missed") {
    const Pipe pipe;
    Outlet out(pipe.writes.get(), told);
    const std::string line = std::string(99, 'x') + "\n";
    const size_t all = 20'000;  // 2 MB: more than pipe and outlet hold
    std::string text;
    const auto began = std::chrono::steady_clock::now();
    for (size_t i = 0; i < all; ++i) {
        out.put(line);
    }
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    CHECK(!out.is_out());
    CHECK(!out.drain(10ms));
    // It reads on: what was held, and how many were dropped in between; then what comes now.
    CHECK(wait_until_out(out, pipe, text));
    out.put("now\n");
    CHECK(wait_until_out(out, pipe, text));
    size_t came = 0;
    size_t dropped = 0;
    std::string last;
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one); last = one) {
        came += one + "\n" == line;
        dropped += one.ends_with(" dropped") ? std::stoul(one) : 0;
    }
    CHECK(dropped > 0);
    CHECK(came + dropped == all);
    CHECK(last == "now");
}

TEST_CASE("a sketch is left out while other text waits") {
    const Pipe pipe;
    Outlet out(pipe.writes.get(), told);
    out.sketch("first\n");
    CHECK(out.drain(5s));
    const std::string much(100'000, 'x');
    out.put(much);  // does not fit into the pipe
    out.put(much);
    for (int i = 0; i < 1'000; ++i) {
        out.sketch("sketch\n");
    }
    std::string text;
    CHECK(wait_until_out(out, pipe, text));
    CHECK(text.find("first") == 0);
    CHECK(lines_in(text) < 700);
    CHECK(text.find("dropped") == std::string::npos);
}

TEST_CASE("what goes nowhere any more is lost in silence") {
    signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    Outlet out(pipe.writes.get(), told);
    pipe.reads.reset();
    out.put("nobody\n");
    CHECK(out.drain(5s));
    out.put("hears this\n");
    CHECK(out.is_out());
}

}  // namespace rehome::cutover::testing
