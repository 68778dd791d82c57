// Numbers as JSON writes them, from text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rehome::cutover {

// The whole text as one finite decimal number; nothing otherwise.
std::optional<double> parse_number(std::string_view text);

// 90, 90s, 5m or 1.5h, in seconds.
std::optional<double> parse_duration(std::string_view text);

// 17, 0.25, 1048576: the shortest text that reads back as the same number.
std::string number_text(double value);

}  // namespace rehome::cutover
