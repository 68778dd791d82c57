#include "common/base64.h"

#include <array>

namespace rehome {

namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> values = [] {
    std::array<int8_t, 256> table{};
    table.fill(-1);
    for (size_t i = 0; i < letters.size(); ++i) {
        table[static_cast<uint8_t>(letters[i])] = static_cast<int8_t>(i);
    }
    return table;
}();

}  // namespace

std::string to_base64(std::span<const uint8_t> bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t there = std::min<size_t>(3, bytes.size() - i);
        uint32_t word = 0;
        for (size_t k = 0; k < 3; ++k) {
            word = word << 8 | (k < there ? bytes[i + k] : 0U);
        }
        for (size_t k = 0; k < 4; ++k) {
            text += k <= there ? letters[word >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

std::optional<std::vector<uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    std::vector<uint8_t> bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const size_t padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        uint32_t word = 0;
        for (size_t k = 0; k < 4; ++k) {
            const int value = k < 4 - padding ? values[static_cast<uint8_t>(text[i + k])] : 0;
            if (value < 0) {
                return std::nullopt;
            }
            word = word << 6 | static_cast<uint32_t>(value);
        }
        if ((word & ((1U << 8 * padding) - 1)) != 0) {
            return std::nullopt;
        }
        for (size_t k = 0; k < 3 - padding; ++k) {
            bytes.push_back(static_cast<uint8_t>(word >> (16 - 8 * k)));
        }
    }
    return bytes;
}

}  // namespace rehome
