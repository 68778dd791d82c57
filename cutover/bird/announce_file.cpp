#include "cutover/bird/announce_file.h"

#include <fmt/format.h>

#include <array>
#include <sstream>
#include <vector>

namespace rehome::cutover {

namespace {

constexpr std::array<std::string_view, 3> names{"withdrawn", "drained", "announced"};
constexpr std::string_view prefix = "state_";

// "define state_red = 2;" without its comment, into words: define, state_red, =, 2.
std::vector<std::string> words_of(std::string line) {
    line.resize(std::min(line.find('#'), line.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
        line.pop_back();
    }
    if (!line.empty() && line.back() == ';') {
        line.back() = ' ';
        line += ";";
    }
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

}  // namespace

std::string_view name(Announce state) {
    return names[static_cast<size_t>(state)];
}

std::optional<Announce> parse_announce(std::string_view text) {
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == text) {
            return static_cast<Announce>(i);
        }
    }
    return std::nullopt;
}

Result<AnnounceStates> parse_announce_file(const std::string& file, std::string_view text) {
    AnnounceStates states;
    std::istringstream lines{std::string(text)};
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto words = words_of(line);
        if (words.empty()) {
            continue;
        }
        const bool shaped = words.size() == 5 && words[0] == "define" &&
                            words[1].starts_with(prefix) && words[1].size() > prefix.size() &&
                            words[2] == "=" && words[3].size() == 1 && words[3][0] >= '0' &&
                            words[3][0] <= '2' && words[4] == ";";
        const std::string where = fmt::format("{}: line {}", file, number);
        if (!shaped) {
            return fail(Exit::usage, where,
                        in_quotes(line) + ", expected define state_CARRIER = 0, 1 or 2;");
        }
        const auto state = static_cast<Announce>(words[3][0] - '0');
        if (!states.emplace(words[1].substr(prefix.size()), state).second) {
            return fail(Exit::usage, where, words[1] + " is defined twice");
        }
    }
    return states;
}

std::string announce_file_text(const AnnounceStates& states) {
    std::string text =
        "# Written by `cutover bird announce`: 0 withdrawn, 1 drained, 2 announced.\n";
    for (const auto& [carrier, state] : states) {
        text += fmt::format("define {}{} = {};\n", prefix, carrier, static_cast<int>(state));
    }
    return text;
}

std::string with_states(std::string_view text, const AnnounceStates& states) {
    std::string result;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        std::string line(text.substr(0, end));
        text.remove_prefix(end);
        const auto words = words_of(line.substr(0, line.find('\n')));
        const bool defines = words.size() == 5 && words[1].starts_with(prefix);
        const auto wanted = defines ? states.find(words[1].substr(prefix.size())) : states.end();
        if (wanted != states.end()) {
            const size_t value = line.find_first_of("012", line.find('='));
            line[value] = static_cast<char>('0' + static_cast<int>(wanted->second));
        }
        result += line;
    }
    return result;
}

}  // namespace rehome::cutover
