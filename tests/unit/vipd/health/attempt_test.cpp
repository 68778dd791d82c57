// One check as it runs: what it sends, when it is over, and what it says.
#include "vipd/health/attempt.h"

#include <doctest/doctest.h>

namespace rehome::vipd::testing {

namespace {

using Step = ScriptStep;

HealthConfig script(std::vector<ScriptStep> steps) {
    HealthConfig how;
    how.kind = HealthConfig::Kind::script;
    how.steps = std::move(steps);
    return how;
}

Step send(const char* bytes) {
    return {Step::Kind::send, {bytes}};
}
Step expect(const char* bytes) {
    return {Step::Kind::expect, {bytes}};
}

}  // namespace

TEST_CASE("a connection alone is over once it is there") {
    const CheckScript none{HealthConfig{}};
    Attempt attempt(none);
    CHECK(attempt.on_timeout().why == "no connection in time");
    const auto next = attempt.on_connected();
    CHECK(next.send.empty());
    REQUIRE(next.ended);
    CHECK(next.ended->ok);
}

TEST_CASE("a script sends and waits in order, however the answer is cut") {
    const CheckScript http(script({send("GET / "), send("HTTP/1.0\r\n\r\n"), expect("200 OK"),
                                   expect("well"), send("QUIT"), expect("bye")}));
    const std::string answer = "HTTP/1.0 200 OK\r\n\r\nall is wewell";
    for (size_t cut = 1; cut <= answer.size(); ++cut) {
        CAPTURE(cut);
        Attempt attempt(http);
        CHECK(attempt.on_connected().send == "GET / HTTP/1.0\r\n\r\n");
        std::string sent;
        for (size_t at = 0; at < answer.size(); at += cut) {
            const auto next = attempt.on_bytes(std::string_view(answer).substr(at, cut));
            REQUIRE(!next.ended);
            sent += next.send;
        }
        CHECK(sent == "QUIT");
        const auto last = attempt.on_bytes("goodbye");
        REQUIRE(last.ended);
        CHECK(last.ended->ok);
    }
}

TEST_CASE("all steps in one read") {
    const CheckScript all(script({expect("a"), send("1"), expect("b"), send("2"), expect("c")}));
    Attempt attempt(all);
    CHECK(attempt.on_connected().send.empty());
    const auto next = attempt.on_bytes("abc");
    CHECK(next.send == "12");
    REQUIRE(next.ended);
    CHECK(next.ended->ok);
}

TEST_CASE("what fails says at which step, what was expected and what came") {
    const CheckScript some(script({send("?"), expect("well"), expect("\x01")}));
    Attempt attempt(some);
    (void)attempt.on_connected();
    CHECK(attempt.on_timeout().why ==
          "no answer in time at step 2 of 3, expected \"well\", last came nothing");
    (void)attempt.on_bytes(std::string(100, '-') + "HTTP 503\n");
    const CheckResult closed = attempt.on_closed();
    CHECK(!closed.ok);
    CHECK(closed.why.find("closed at step 2 of 3, expected \"well\", last came \"---") == 0);
    CHECK(closed.why.find('\n') == std::string::npos);
    (void)attempt.on_bytes("well");
    CHECK(attempt.on_error("reset").why.find("reset at step 3 of 3, expected \"\\x01\"") == 0);
}

}  // namespace rehome::vipd::testing
