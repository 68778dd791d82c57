// How untrusted text stands in a message.
#include "common/error.h"

#include <fmt/format.h>

namespace rehome {

namespace {

constexpr size_t longest_shown = 60;

}  // namespace

std::string in_quotes(std::string_view text) {
    std::string shown = "\"";
    for (const char c : text.substr(0, longest_shown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            shown += '\\';
            shown += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            shown += fmt::format("\\x{:02x}", byte);
        } else {
            shown += c;
        }
    }
    shown += text.size() > longest_shown ? "...\"" : "\"";
    return shown;
}

}  // namespace rehome
