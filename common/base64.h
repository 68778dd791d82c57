// Bytes as text for JSON: base64 (RFC 4648, section 4), with padding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rehome {

std::string to_base64(std::span<const uint8_t> bytes);

// Nothing for what is no base64: other characters (line feeds too), a length that is no multiple of
// 4, bits that are lost.
std::optional<std::vector<uint8_t>> from_base64(std::string_view text);

}  // namespace rehome
