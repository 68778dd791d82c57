// See escape.h.
#include "probe/report/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace rehome::probe {

namespace {

struct Character {
    size_t size = 1;  // bytes
    uint32_t code = 0;
    bool valid = false;
};

size_t size_by_first(uint8_t first) {
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// What the text begins with (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
Character first_of(std::string_view text) {
    const auto first = static_cast<uint8_t>(text.front());
    const size_t size = size_by_first(first);
    if (size == 0 || first > 0xf4 || size > text.size()) {
        return {};
    }
    uint32_t code = size == 1 ? first : first & (0x7fU >> size);
    for (size_t i = 1; i < size; ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        if ((byte & 0xc0) != 0x80) {
            return {};
        }
        code = code << 6 | (byte & 0x3fU);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool no_character = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
    return overlong || no_character ? Character{} : Character{size, code, true};
}

// C0, DEL, C1; the marks, embeddings and isolates of Unicode's bidirectional algorithm; separators
// of lines; the byte order mark.
bool is_shown(uint32_t code) {
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool order = code == 0x61c || code == 0x200e || code == 0x200f ||
                       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return !control && !order && code != 0x2028 && code != 0x2029 && code != 0xfeff;
}

}  // namespace

std::string plain(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const Character character = first_of(text);
        if (!character.valid) {
            shown += fmt::format("\\x{:02x}", static_cast<uint8_t>(text.front()));
        } else if (!is_shown(character.code)) {
            shown += character.code < 0x100 ? fmt::format("\\x{:02x}", character.code)
                                            : fmt::format("\\u{:04x}", character.code);
        } else {
            shown += text.substr(0, character.size);
        }
        text.remove_prefix(character.size);
    }
    return shown;
}

std::string in_html(std::string_view text) {
    std::string escaped;
    for (const char c : plain(text)) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

std::string in_csv(std::string_view text) {
    std::string field = plain(text);
    if (!field.empty() && std::string_view("=+-@").find(field.front()) != std::string_view::npos) {
        field = fmt::format("'{}", field);
    }
    if (field.find_first_of(",\"' ;") == std::string::npos) {
        return field;
    }
    std::string quoted = "\"";
    for (const char c : field) {
        quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    return quoted + "\"";
}

std::string in_file_name(std::string_view text) {
    constexpr size_t longest = 40;
    std::string name(text.substr(0, longest));
    std::replace_if(
        name.begin(), name.end(),
        [](char c) {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            return !letter && !(c >= '0' && c <= '9') && c != '-';
        },
        '_');
    return name;
}

}  // namespace rehome::probe
