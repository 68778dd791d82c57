#include "common/script.h"

#include <algorithm>

namespace rehome {

namespace {

// "hex:0d0a" or "text:hello" to bytes.
Result<std::string> parse_piece(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (text.starts_with("text:")) {
        return std::string(text.substr(5));
    }
    std::string bytes;
    const std::string_view hex = text.substr(std::min<size_t>(4, text.size()));
    for (size_t i = 0; i < hex.size(); i += 2) {
        const size_t high = digits.find(static_cast<char>(hex[i] | 0x20));
        const size_t low = i + 1 < hex.size() ? digits.find(static_cast<char>(hex[i + 1] | 0x20))
                                              : std::string_view::npos;
        if (high == std::string_view::npos || low == std::string_view::npos) {
            return fail(Exit::usage, "",
                        in_quotes(text) + " is no hex, expected pairs of digits such as hex:c000");
        }
        bytes += static_cast<char>(high << 4 | low);
    }
    return bytes;
}

}  // namespace

BytePattern::BytePattern(std::string bytes) : bytes_(std::move(bytes)), border_(bytes_.size() + 1) {
    size_t border = 0;
    for (size_t at = 1; at < bytes_.size(); ++at) {
        while (border > 0 && bytes_[at] != bytes_[border]) border = border_[border];
        if (bytes_[at] == bytes_[border]) ++border;
        border_[at + 1] = border;
    }
}

std::optional<size_t> BytePattern::find(std::string_view stream, size_t& matched) const {
    if (bytes_.empty()) return 0;
    for (size_t at = 0; at < stream.size(); ++at) {
        while (matched > 0 && stream[at] != bytes_[matched]) matched = border_[matched];
        if (stream[at] == bytes_[matched]) ++matched;
        if (matched == bytes_.size()) {
            matched = 0;
            return at + 1;
        }
    }
    return std::nullopt;
}

Bytes read_bytes(const JsonView& view) {
    Bytes bytes;
    bool is_wrong = view.is_wrong();
    for (const JsonView& piece : view.items()) {
        bytes.value += piece.parsed(parse_piece);
        is_wrong = is_wrong || piece.is_wrong();
    }
    if (view.exists() && !is_wrong && bytes.value.empty()) {
        view.wrong("gives no bytes, expected at least one");
    }
    return bytes;
}

ScriptStep read_step(const JsonView& view) {
    const bool sends = view["send"].exists();
    return {sends ? ScriptStep::Kind::send : ScriptStep::Kind::expect,
            read_bytes(view[sends ? "send" : "expect"])};
}

std::vector<std::string> pieces_of(const Bytes& bytes) {
    constexpr size_t longest = 500;  // bytes; a piece is at most 1,024 characters
    std::vector<std::string> pieces;
    for (size_t at = 0; at < bytes.value.size(); at += longest) {
        const std::string_view part = std::string_view(bytes.value).substr(at, longest);
        const bool text = std::all_of(part.begin(), part.end(),
                                      [](char byte) { return byte >= ' ' && byte <= '~'; });
        pieces.push_back(text ? "text:" + std::string(part) : "hex:" + hex(part));
    }
    return pieces;
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        text += digits[static_cast<unsigned char>(byte) >> 4];
        text += digits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

}  // namespace rehome
