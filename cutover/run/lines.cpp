#include "cutover/run/lines.h"

#include <algorithm>

namespace rehome::cutover {

namespace {

// UTF-8: the bytes of a character behind its first.
bool goes_on(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The bytes of the first so many characters.
size_t bytes_of(std::string_view text, size_t characters) {
    size_t i = 0;
    while (i < text.size() && characters > 0) {
        ++i;
        while (i < text.size() && goes_on(text[i])) {
            ++i;
        }
        --characters;
    }
    return i;
}

// Where a line of so many columns ends.
size_t line_end(std::string_view text, size_t width) {
    const size_t most = bytes_of(text, width);
    if (most == text.size()) {
        return most;
    }
    const size_t space = text.rfind(' ', most);
    return space == std::string_view::npos || space == 0 ? most : space;
}

}  // namespace

std::string plain_text(std::string_view text) {
    std::string result(text);
    const auto drives = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    std::replace_if(result.begin(), result.end(), drives, ' ');
    return result;
}

std::string one_line(std::string_view text, size_t width) {
    return plain_text(text.substr(0, bytes_of(text, width)));
}

std::string wrapped(std::string_view text, size_t width, size_t indent) {
    const std::string plain = plain_text(text);
    const size_t narrow = width > indent + 10 ? width - indent : 10;
    std::string_view left = plain;
    std::string result;
    while (!left.empty()) {
        const size_t end = line_end(left, result.empty() ? width : narrow);
        result += result.empty() ? "" : "\n" + std::string(indent, ' ');
        result += left.substr(0, end);
        left.remove_prefix(end);
        left.remove_prefix(std::min(left.find_first_not_of(' '), left.size()));
    }
    return result;
}

}  // namespace rehome::cutover
