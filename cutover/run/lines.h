// Text laid out in lines of a terminal.  Pure.
#pragma once

#include <string>
#include <string_view>

namespace rehome::cutover {

// What commands print may drive a terminal: their control characters become spaces.
std::string plain_text(std::string_view text);

// At most so many columns; the rest is cut.
std::string one_line(std::string_view text, size_t width);

// Nothing is cut: broken at spaces (or anywhere, where there is none), the lines after the first
// indented; without a line feed at the end.  A character is one column wide.
std::string wrapped(std::string_view text, size_t width, size_t indent);

}  // namespace rehome::cutover
