// See stamp_key.h.
#include "probe/core/stamp_key.h"

#include <charconv>

namespace rehome::probe {

std::optional<StampKey> parse_stamp_key(std::string_view text) {
    constexpr size_t fewest = 32;
    constexpr size_t most = 128;
    if (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    if (text.size() < fewest || text.size() > most || text.size() % 2 != 0) {
        return std::nullopt;
    }
    StampKey key(text.size() / 2);
    for (size_t i = 0; i < key.size(); ++i) {
        const char* at = text.data() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, key[i], 16);
        if (error != std::errc{} || end != at + 2) {
            return std::nullopt;
        }
    }
    return key;
}

}  // namespace rehome::probe
