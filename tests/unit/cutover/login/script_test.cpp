// Awaited bytes in a stream: found wherever they begin, however the stream is cut.
#include "cutover/login/script.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace rehome;
using namespace rehome::cutover;

namespace {

struct FindCase {
    std::string name;
    const char* pattern;
    std::vector<const char*> reads;
    int read_of_end;   // in which read the pattern is complete; -1: never
    size_t taken = 0;  // of that read
};

const FindCase find_cases[] = {
    {"whole", "OK", {"OK"}, 0, 2},
    {"bytes before it", "OK", {"220 hello OK"}, 0, 12},
    {"bytes behind it stay", "OK", {"OK and more"}, 0, 2},
    {"split in the middle", "OK", {"O", "K"}, 1, 1},
    {"split byte by byte", "DONE", {"D", "O", "N", "E"}, 3, 1},
    {"an end that begins it again", "aab", {"aa", "ab"}, 1, 2},
    {"overlapping start", "abab", {"aba", "cabab"}, 1, 5},
    {"falls back over the border", "abacab", {"abacabac", ""}, 0, 6},
    {"falls back to a shorter border", "aabaaa", {"aabaab", "aaa"}, 1, 3},
    {"not there", "OK", {"KO", " KO"}, -1},
    {"almost there", "OK", {"O"}, -1},
    {"an empty read changes nothing", "OK", {"O", "", "K"}, 2, 1},
    {"the first of two", "OK", {"OKOK"}, 0, 2},
};

Login meter() {
    Login login;
    login.steps = {{LoginStep::Kind::expect, {"hello"}},
                   {LoginStep::Kind::send, {"user {session}\n"}},
                   {LoginStep::Kind::expect, {"welcome {session}"}}};
    login.heartbeat_send = {"ping"};
    login.heartbeat_expect = {"pong"};
    return login;
}

}  // namespace

TEST_CASE("login pattern: found however the stream is cut") {
    for (const FindCase& c : find_cases) {
        CAPTURE(c.name);
        const BytePattern pattern(c.pattern);
        size_t matched = 0;
        int read = -1;
        std::optional<size_t> taken;
        for (size_t i = 0; i < c.reads.size() && !taken; ++i) {
            taken = pattern.find(c.reads[i], matched);
            if (taken) read = static_cast<int>(i);
        }
        CHECK(read == c.read_of_end);
        CHECK(taken.value_or(0) == c.taken);
        if (taken) CHECK(matched == 0);
    }
}

TEST_CASE("login pattern: every cut of a stream gives the same answer") {
    const BytePattern pattern("abaab");
    const std::string stream = "abaaabaabab";  // complete after 9 bytes
    for (size_t first = 0; first <= stream.size(); ++first) {
        for (size_t second = first; second <= stream.size(); ++second) {
            CAPTURE(first);
            CAPTURE(second);
            size_t matched = 0;
            size_t before = 0;
            std::optional<size_t> end;
            for (const auto& part : {stream.substr(0, first), stream.substr(first, second - first),
                                     stream.substr(second)}) {
                const auto taken = pattern.find(part, matched);
                if (taken && !end) end = before + *taken;
                before += part.size();
            }
            REQUIRE(end);
            CHECK(*end == 9);
        }
    }
}

TEST_CASE("login pattern: none is there at once") {
    size_t matched = 0;
    CHECK(BytePattern("").find("x", matched) == size_t{0});
}

TEST_CASE("login script: the session's number stands where it is asked for") {
    const LoginScript script(meter());
    REQUIRE(script.steps() == 3);
    CHECK(script.expects(0));
    CHECK_FALSE(script.expects(1));
    CHECK(script.bytes(1, 17) == "user 00000017\n");
    CHECK(script.bytes(1, 98'000'017) == "user 98000017\n");
    CHECK(script.bytes(script.question(), 17) == "ping");
    CHECK(script.bytes(script.answer(), 17) == "pong");
    size_t matched = 0;
    CHECK_FALSE(script.find(2, 17, "welcome 00000018, welcome 000", matched));
    CHECK(script.find(2, 17, "00017!", matched) == size_t{5});
}

TEST_CASE("login script: a step without bytes is left out") {
    Login login = meter();
    login.steps.push_back({LoginStep::Kind::expect, {""}});
    CHECK(LoginScript(login).steps() == 3);
}

TEST_CASE("login script: bytes in messages") {
    CHECK(hex(std::string("\x20\x02\x00\xff", 4)) == "200200ff");
    CHECK(hex("").empty());
}
