// A runner's connection to hands that lie, by a shell in a hand's place.
#include "cutover/adapter/hand/connection.h"

#include <doctest/doctest.h>
#include <signal.h>

namespace rehome::cutover::testing {

namespace {

constexpr Milliseconds soon{5'000};

// Hears a line before each of these that it says, and stays.
std::string hand_that_says(const std::vector<Tale>& tales) {
    std::string script;
    for (const Tale& tale : tales) {
        std::string line = line_of(tale);
        line.pop_back();
        REQUIRE(line.find('\'') == std::string::npos);
        script += "read heard; printf '%s\\n' '" + line + "'; ";
    }
    return script + "cat >/dev/null";
}

// SIGPIPE is ignored, as by every program of ours (common/command.cpp).
Result<std::unique_ptr<Connection>> open(const std::string& script) {
    signal(SIGPIPE, SIG_IGN);
    return Connection::open({"sh", "-c", script}, Hello{}, [](const std::string&) {});
}

const Ending well{0, Cause::itself, "done\n", "", 0, ""};

}  // namespace

TEST_CASE("an answer is what was asked for, or the hand is given up") {
    struct Case {
        const char* what;
        Tale tale;
        std::string why;  // empty: it is taken
    };
    const Case cases[] = {
        {"an end", Ended{1, well}, ""},
        {"what is recalled", Recalled{1, well}, "answers what it was not asked"},
        {"a release", Released{1}, "answers what it was not asked"},
        {"a refusal", Refused{"no"}, "no"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const auto made = open(hand_that_says({Welcome{}, one.tale}));
        REQUIRE(made);
        REQUIRE((*made)->await_welcome(soon));
        const auto answer = (*made)->ask(Job{1, {"true"}, soon, std::nullopt}, soon);
        CHECK((*made)->is_dead() == !one.why.empty());
        CHECK((answer ? "" : answer.error().what) == one.why);
        if (answer) {
            CHECK(answer->ending.out == "done\n");
        }
    }
}

TEST_CASE("an answer to another question is none") {
    const auto made = open(hand_that_says({Welcome{}, Ended{2, well}}));
    REQUIRE(made);
    REQUIRE((*made)->await_welcome(soon));
    const auto answer = (*made)->ask(Job{1, {"true"}, soon, std::nullopt}, Milliseconds(300));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().what == "the hand has not answered for 0.3 s");
}

TEST_CASE("a hand that says nothing, nonsense, or leaves") {
    struct Case {
        std::string script;
        std::string why;
    };
    const Case cases[] = {
        {"exit 3", "has gone"},
        {"echo no such host >&2; exit 255", "has gone: no such host"},
        {"cat >/dev/null", "has not answered for 0.3 s"},
        {"echo welcome; cat >/dev/null", "says what is no JSON object"},
        {"head -c 300000000 /dev/zero; cat >/dev/null", "told more than it may"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.script);
        const auto made = open(one.script);
        REQUIRE(made);
        const bool silent = one.why.starts_with("has not");
        const auto welcome = (*made)->await_welcome(silent ? Milliseconds(300) : soon);
        REQUIRE_FALSE(welcome);
        CAPTURE(welcome.error().text());
        CHECK(welcome.error().text().find(one.why) != std::string::npos);
    }
}

}  // namespace rehome::cutover::testing
