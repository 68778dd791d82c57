// Differentiated services code points (RFC 2474), by number or by name: CS0 to CS7, AF11 to AF43
// (RFC 2597), EF (RFC 3246), VA (RFC 5865), LE (RFC 8622).  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rehome::probe {

// "46", "EF" or "ef"; nothing when it is none.
std::optional<uint8_t> parse_dscp(std::string_view text);

std::string dscp_text(uint8_t dscp);  // "EF (46)", or "45" where it has no name

}  // namespace rehome::probe
