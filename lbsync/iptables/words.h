// A line of a dump as words, and words as a line again.
//
// Form (iptables-restore's): words stand between blanks; what is in double quotes is one word, and
// there a backslash takes the next character as it is.  In ipset's dumps a backslash is nothing
// special.  Pure; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace rehome::lbsync {

struct Word {
    std::string text;
    bool quoted = false;

    bool operator==(const Word&) const = default;
};

enum class Escapes { none, backslash };

// What is wrong, in words, when a quote is not closed or stands within a word.
tl::expected<std::vector<Word>, std::string> split_words(std::string_view line, Escapes escapes);

std::string print_words(const std::vector<Word>& words, Escapes escapes);

}  // namespace rehome::lbsync
