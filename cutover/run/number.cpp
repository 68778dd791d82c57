#include "cutover/run/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace rehome::cutover {

namespace {

// Seconds of a unit; nothing: no unit.
std::optional<double> unit_s(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
        return std::nullopt;
    }
    return value;
}

std::optional<double> parse_duration(std::string_view text) {
    const auto unit = text.empty() ? std::nullopt : unit_s(text.back());
    if (unit) {
        text.remove_suffix(1);
    }
    const auto number = parse_number(text);
    return number ? std::optional(*number * unit.value_or(1)) : std::nullopt;
}

std::string number_text(double value) {
    return fmt::format("{}", value);
}

}  // namespace rehome::cutover
