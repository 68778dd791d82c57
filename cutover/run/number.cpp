#include "cutover/run/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace rehome::cutover {

std::optional<double> parse_number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
        return std::nullopt;
    }
    return value;
}

std::string number_text(double value) {
    return fmt::format("{}", value);
}

}  // namespace rehome::cutover
