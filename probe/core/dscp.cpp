// See dscp.h.
#include "probe/core/dscp.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace rehome::probe {

namespace {

struct Named {
    std::string_view name;
    uint8_t dscp;
};

constexpr std::array<Named, 23> names{{
    {"CS0", 0},   {"LE", 1},    {"CS1", 8},   {"AF11", 10}, {"AF12", 12}, {"AF13", 14},
    {"CS2", 16},  {"AF21", 18}, {"AF22", 20}, {"AF23", 22}, {"CS3", 24},  {"AF31", 26},
    {"AF32", 28}, {"AF33", 30}, {"CS4", 32},  {"AF41", 34}, {"AF42", 36}, {"AF43", 38},
    {"CS5", 40},  {"VA", 44},   {"EF", 46},   {"CS6", 48},  {"CS7", 56},
}};

constexpr uint8_t highest = 63;

}  // namespace

std::optional<uint8_t> parse_dscp(std::string_view text) {
    const auto same_letter = [](char one, char other) {
        return one == (other >= 'a' && other <= 'z' ? static_cast<char>(other - 'a' + 'A') : other);
    };
    for (const Named& named : names) {
        if (std::equal(named.name.begin(), named.name.end(), text.begin(), text.end(),
                       same_letter)) {
            return named.dscp;
        }
    }
    uint8_t dscp = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dscp);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && dscp <= highest ? std::optional(dscp) : std::nullopt;
}

std::string dscp_text(uint8_t dscp) {
    for (const Named& named : names) {
        if (named.dscp == dscp) {
            return fmt::format("{} ({})", named.name, dscp);
        }
    }
    return std::to_string(dscp);
}

}  // namespace rehome::probe
