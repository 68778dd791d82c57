// HMAC-SHA-256 (RFC 2104, FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace rehome {

std::array<uint8_t, 32> hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message);

// In a time that does not tell where they differ.
bool same_digest(std::span<const uint8_t> one, std::span<const uint8_t> other);

}  // namespace rehome
