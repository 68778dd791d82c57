// Packets in tests, as hexadecimal digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probe/core/wire.h"

namespace rehome::probe {

inline std::vector<uint8_t> from_hex(std::string_view digits) {
    std::vector<uint8_t> bytes;
    std::string pair;
    for (const char c : digits) {
        if (c != ' ') {
            pair += c;
        }
        if (pair.size() == 2) {
            bytes.push_back(static_cast<uint8_t>(std::stoi(pair, nullptr, 16)));
            pair.clear();
        }
    }
    return bytes;
}

inline std::string to_hex(ByteView bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const uint8_t byte : bytes) {
        text += {digits[byte >> 4], digits[byte & 15]};
    }
    return text;
}

}  // namespace rehome::probe
