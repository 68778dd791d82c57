// What another terminal says to a run: what is taken, and the longer table of what is not.
#include "cutover/run/control.h"

#include <doctest/doctest.h>

namespace rehome::cutover::testing {

namespace {

const Question hold{"3fa21c", "s/h", "Go on?", {Choice::yes, Choice::undo, Choice::stop}};

}  // namespace

TEST_CASE("a request and a reply come out as they went in") {
    const auto request =
        parse_control_request(control_line(ControlRequest{"3fa21c", "go on \"x\"\n"}));
    REQUIRE(request);
    CHECK(request->question == "3fa21c");
    CHECK(request->answer == "go on \"x\"\n");
    const auto reply = parse_control_reply(control_line(ControlReply{false, "no \xff UTF-8"}));
    REQUIRE(reply);
    CHECK(!reply->taken);
}

TEST_CASE("what is no request") {
    const std::string cases[] = {
        "",
        "yes",
        "{",
        "[]",
        "null",
        R"({"question": "3fa21c"})",
        R"({"question": "3fa21c", "answer": true})",
        R"({"question": 3, "answer": "yes"})",
        R"({"question": "3fa21c", "answer": "yes", "uid": 0})",
        std::string(10'000, '['),
        R"({"question": "", "answer": ")" + std::string(5'000, 'x') + "\"}"};
    for (const std::string& line : cases) {
        CAPTURE(line.substr(0, 80));
        CHECK(!parse_control_request(line));
        CHECK(!parse_control_reply(line));
    }
}

TEST_CASE("an answer counts for the question that it names alone") {
    struct Case {
        const char* what;
        ControlRequest request;
        std::optional<Question> asked;
        const char* refused;  // empty: taken
    };
    const Case cases[] = {
        {"as asked", {"3fa21c", "yes"}, hold, ""},
        {"the run is elsewhere",
         {"aaaaaa", "yes"},
         hold,
         "question \"aaaaaa\" is not asked now; asked is 3fa21c: s/h: Go on?"},
        {"nothing is asked", {"3fa21c", "yes"}, std::nullopt, "nothing is asked now"},
        {"no question is named", {"", "yes"}, hold, "question \"\" is not asked now"},
        {"a word of another question",
         {"3fa21c", "retry"},
         hold,
         "\"retry\" is no answer: yes goes"},
        {"almost a word", {"3fa21c", "y"}, hold, "\"y\" is no answer"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const auto answer = answer_of(one.request, one.asked);
        CHECK(answer.has_value() == std::string(one.refused).empty());
        CHECK_MESSAGE((answer || answer.error().find(one.refused) == 0),
                      (answer ? "" : answer.error()));
    }
}

TEST_CASE("a stop needs no question") {
    CHECK(is_stop({"", "stop"}));
    CHECK(!is_stop({"3fa21c", "stop"}));
    CHECK(!is_stop({"", "undo"}));
}

}  // namespace rehome::cutover::testing
