#include "lbsync/iptables/words.h"

namespace rehome::lbsync {

namespace {

constexpr std::string_view blanks = " \t\r";

// The word that opens at the quote; at: behind its end.
tl::expected<Word, std::string> quoted_word(std::string_view line, size_t& at, Escapes escapes) {
    Word word{"", true};
    for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\' && escapes == Escapes::backslash && ++at == line.size()) {
            break;
        }
        word.text += line[at];
    }
    if (at >= line.size()) {
        return tl::unexpected<std::string>("a quote is not closed");
    }
    ++at;
    if (at < line.size() && blanks.find(line[at]) == blanks.npos) {
        return tl::unexpected<std::string>("a word goes on behind its closing quote");
    }
    return word;
}

}  // namespace

tl::expected<std::vector<Word>, std::string> split_words(std::string_view line, Escapes escapes) {
    std::vector<Word> words;
    size_t at = 0;
    while ((at = line.find_first_not_of(blanks, at)) != line.npos) {
        if (line[at] == '"') {
            auto word = quoted_word(line, at, escapes);
            if (!word) {
                return tl::unexpected(word.error());
            }
            words.push_back(std::move(*word));
            continue;
        }
        const size_t end = std::min(line.find_first_of(blanks, at), line.size());
        const std::string_view text = line.substr(at, end - at);
        if (text.find('"') != text.npos) {
            return tl::unexpected<std::string>("a quote stands within a word");
        }
        words.push_back({std::string(text), false});
        at = end;
    }
    return words;
}

std::string print_words(const std::vector<Word>& words, Escapes escapes) {
    std::string line;
    for (const Word& word : words) {
        line += line.empty() ? "" : " ";
        if (!word.quoted) {
            line += word.text;
            continue;
        }
        line += '"';
        for (const char c : word.text) {
            if (escapes == Escapes::backslash && (c == '"' || c == '\\' || c == '\'')) {
                line += '\\';
            }
            line += c;
        }
        line += '"';
    }
    return line;
}

}  // namespace rehome::lbsync
