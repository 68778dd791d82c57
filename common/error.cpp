// How untrusted text stands in a message.
#include "common/error.h"

#include <fmt/format.h>

namespace rehome {

namespace {

constexpr size_t longest_shown = 60;

// The bytes that one character of UTF-8 takes (RFC 3629, without its finer rules); 0: it is none.
size_t character_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first >= 0xe0 && first < 0xf0 ? 3
                          : first >= 0xf0 && first < 0xf5 ? 4
                                                          : 0;
    if (length > text.size()) {
        return 0;
    }
    for (size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

// Control characters of ASCII and of ISO 6429's second set (U+0080 to U+009F), line and paragraph
// separators, and the marks that embed, override or isolate a direction.
bool commands_a_terminal(std::string_view character) {
    if (character.size() == 1) {
        return static_cast<unsigned char>(character[0]) < 0x20 || character[0] == 0x7f;
    }
    return (character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0) ||
           (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") ||
           (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");
}

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string shown = "\"";
    for (const char c : text.substr(0, longest_shown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            shown += '\\';
            shown += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            shown += fmt::format("\\x{:02x}", byte);
        } else {
            shown += c;
        }
    }
    shown += text.size() > longest_shown ? "...\"" : "\"";
    return shown;
}

std::string in_one_line(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        const size_t length = character_length(text);
        const std::string_view character = text.substr(0, length == 0 ? 1 : length);
        const bool escaped = length == 0 || commands_a_terminal(character);
        for (const char byte : character) {
            if (escaped) {
                line += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
            } else {
                line += byte;
            }
        }
        text.remove_prefix(character.size());
    }
    return line;
}

}  // namespace rehome
