// What the operator is asked, and what is taken for an answer.  Pure.
//
// Only a choice's whole word answers, with a reason behind it where the choice wants one ("go on
// the probe is known to be wrong"): "y", a typo or an empty line answers nothing and is told what
// would. Who answers from somewhere else than the terminal names the question by its id.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome::cutover {

enum class Choice {
    yes,
    done,   // as if it had ended well
    again,  // once more, though nobody can tell whether it is done
    retry,
    go_on,  // although it failed; with a reason
    undo,
    stop,
};

std::string_view word(Choice choice);     // "yes"
std::string_view meaning(Choice choice);  // "goes on"
std::optional<Choice> parse_choice(std::string_view word);

struct Question {
    std::string id{};    // of no other question of the run
    std::string step{};  // its id; empty: the run as a whole
    std::string text{};
    std::vector<Choice> choices{};
};

struct Answer {
    Choice choice = Choice::stop;
    std::string reason{};
    std::string by{};  // who gave it
};

// "go on: the probe is known to be wrong"
std::string answer_text(const Answer& answer);

// "yes goes on, undo backs out, stop stops here, to be resumed"
std::string choices_text(const Question& question);

// One line as it was typed.  The error says what would be an answer.
tl::expected<Answer, std::string> read_answer(const Question& question, std::string_view line);

}  // namespace rehome::cutover
