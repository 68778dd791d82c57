#include "lbsync/plan/pieces.h"

#include <algorithm>

namespace rehome::lbsync {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json pieces(std::string_view text) {
    constexpr size_t longest = 4096;
    ordered_json result = ordered_json::array();
    while (!text.empty()) {
        size_t length = std::min({text.find('\n'), text.size() - 1, longest - 1}) + 1;
        while (length > 1 && length < text.size() &&
               (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) {
            --length;
        }
        result.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return result;
}

std::string joined(const json& parts) {
    std::string text;
    for (const json& part : parts) {
        text += part.get<std::string>();
    }
    return text;
}

}  // namespace rehome::lbsync
