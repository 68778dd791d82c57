// What is taken for an answer, and the longer table of what is not.
#include "cutover/run/question.h"

#include <doctest/doctest.h>

namespace rehome::cutover::testing {

namespace {

const Question hold{"3fa21c", "s/h", "Go on?", {Choice::yes, Choice::undo, Choice::stop}};

}  // namespace

TEST_CASE("a choice's whole word is an answer") {
    struct Case {
        const char* line;
        Choice choice;
    };
    const Case cases[] = {
        {"yes", Choice::yes},
        {"undo", Choice::undo},
        {"stop", Choice::stop},
        {"  yes \r", Choice::yes},
    };
    for (const Case& one : cases) {
        CAPTURE(one.line);
        const auto answer = read_answer(hold, one.line);
        REQUIRE(answer);
        CHECK(answer->choice == one.choice);
    }
}

TEST_CASE("anything else is none, and is told what would be") {
    struct Case {
        const char* line;
        const char* told;
    };
    const Case cases[] = {
        {"",
         "an empty line is no answer: yes goes on, undo backs out, stop stops here, to be "
         "resumed"},
        {" \t", "an empty line is no answer: "},
        {"y", "\"y\" is no answer: yes goes on, "},
        {"YES", "\"YES\" is no answer: "},
        {"yes yes", "\"yes yes\" is no answer: "},
        {"yes\nundo", " is no answer: "},
        {"done", "\"done\" is no answer: "},  // a word of another question
    };
    for (const Case& one : cases) {
        CAPTURE(one.line);
        const auto answer = read_answer(hold, one.line);
        REQUIRE(!answer);
        CHECK_MESSAGE(answer.error().find(one.told) != std::string::npos, answer.error());
    }
}

TEST_CASE("who goes on where something failed has to say why") {
    const Question failed{"3fa21c", "s/g", "failed", {Choice::retry, Choice::go_on, Choice::undo}};
    const auto answer = read_answer(failed, "go on  the probe's clock is wrong ");
    REQUIRE(answer);
    CHECK(answer->choice == Choice::go_on);
    CHECK(answer_text(*answer) == "go on: the probe's clock is wrong");
    struct Case {
        const char* line;
        const char* told;
    };
    const Case cases[] = {
        {"go on", "\"go on\" wants a reason behind it"},
        {"go on  ", "\"go on\" wants a reason behind it"},
        {"go ", "\"go\" is no answer: retry tries it again, go on REASON goes on all the same, "},
        {"go onward", "\"go onward\" is no answer"},
        {"retry it", "\"retry it\" is no answer"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.line);
        const auto refused = read_answer(failed, one.line);
        REQUIRE(!refused);
        CHECK_MESSAGE(refused.error().find(one.told) != std::string::npos, refused.error());
    }
    CHECK(read_answer(hold, "go on all is well").error().find("\"go on\" is no answer") == 0);
}

TEST_CASE("each choice has a word of its own") {
    for (int i = 0; i <= static_cast<int>(Choice::stop); ++i) {
        const auto choice = static_cast<Choice>(i);
        CHECK(parse_choice(word(choice)) == choice);
        CHECK(!meaning(choice).empty());
    }
    CHECK(!parse_choice("maybe"));
}

}  // namespace rehome::cutover::testing
