#include "cutover/run/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cutover/run/lines.h"

namespace rehome::cutover {

namespace {

struct Said {
    std::string_view word;
    std::string_view meaning;
};

constexpr std::array<Said, 7> said{{
    {"yes", "goes on"},
    {"done", "takes it as done"},
    {"again", "does it once more"},
    {"retry", "tries it again"},
    {"go on", "goes on all the same"},
    {"undo", "backs out"},
    {"stop", "stops here, to be resumed"},
}};

// Without spaces around it, as some terminals send a carriage return at a line's end.
std::string_view trimmed(std::string_view line) {
    constexpr std::string_view spaces = " \t\r\n";
    const size_t first = line.find_first_not_of(spaces);
    const size_t last = line.find_last_not_of(spaces);
    return first == std::string_view::npos ? "" : line.substr(first, last - first + 1);
}

}  // namespace

std::string_view word(Choice choice) {
    return said.at(static_cast<size_t>(choice)).word;
}

std::string_view meaning(Choice choice) {
    return said.at(static_cast<size_t>(choice)).meaning;
}

std::optional<Choice> parse_choice(std::string_view word) {
    const auto* found =
        std::find_if(said.begin(), said.end(), [word](const Said& s) { return s.word == word; });
    return found == said.end() ? std::nullopt
                               : std::optional(static_cast<Choice>(found - said.begin()));
}

std::string choices_text(const Question& question) {
    std::string text;
    for (const Choice choice : question.choices) {
        text += fmt::format("{}{}{} {}", text.empty() ? "" : ", ", word(choice),
                            choice == Choice::go_on ? " REASON" : "", meaning(choice));
    }
    return text;
}

namespace {

tl::expected<Answer, std::string> choose(const Question& question, std::string_view word,
                                         std::string_view reason) {
    const auto choice = parse_choice(word);
    const auto& choices = question.choices;
    if (!choice || std::find(choices.begin(), choices.end(), *choice) == choices.end()) {
        return tl::unexpected(fmt::format("{} is no answer: {}",
                                          word.empty() ? "an empty line" : in_quotes(word),
                                          choices_text(question)));
    }
    if (reason.empty() && choice == Choice::go_on) {
        return tl::unexpected(in_quotes(word) + " wants a reason behind it");
    }
    return Answer{*choice, plain_text(reason), ""};
}

}  // namespace

std::string answer_text(const Answer& answer) {
    return fmt::format("{}{}{}", word(answer.choice), answer.reason.empty() ? "" : ": ",
                       answer.reason);
}

tl::expected<Answer, std::string> read_answer(const Question& question, std::string_view line) {
    const std::string_view typed = trimmed(line);
    const std::string_view go_on = word(Choice::go_on);
    if (typed == go_on || typed.starts_with(std::string(go_on) + " ")) {
        return choose(question, go_on, trimmed(typed.substr(go_on.size())));
    }
    return choose(question, typed, "");
}

}  // namespace rehome::cutover
