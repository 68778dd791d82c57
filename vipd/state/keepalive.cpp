#include "vipd/state/keepalive.h"

#include <algorithm>

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t magic = 0x72686b61;
constexpr uint8_t keepalive_version = 1;
constexpr size_t fixed_bytes = 24;
constexpr size_t line_bytes = 5;
constexpr uint8_t move_option = 1;
constexpr uint8_t hears_option = 2;
constexpr uint8_t answers_option = 3;
constexpr uint8_t copies_option = 4;
constexpr uint8_t link_option = 6;
constexpr size_t options_max_bytes = 10 + 3 + 3 + 3 + 4;

void append(std::vector<uint8_t>& out, const Prefix& prefix) {
    out.push_back(static_cast<uint8_t>(prefix.address.family));
    out.push_back(static_cast<uint8_t>(prefix.length));
    const auto bytes = prefix.address.data();
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// Takes one prefix from the front of rest.
std::optional<Prefix> take_prefix(std::span<const uint8_t>& rest) {
    if (rest.size() < 2 || (rest[0] != 4 && rest[0] != 6)) {
        return std::nullopt;
    }
    Prefix prefix;
    prefix.address.family = static_cast<Family>(rest[0]);
    prefix.length = rest[1];
    const size_t bytes = prefix.address.bits() / 8;
    if (rest.size() < 2 + bytes || prefix.length > prefix.address.bits()) {
        return std::nullopt;
    }
    std::copy_n(rest.begin() + 2, bytes, prefix.address.bytes.begin());
    rest = rest.subspan(2 + bytes);
    return prefix;
}

// Takes the options, to the end.
bool take_options(std::span<const uint8_t> rest, Keepalive& keepalive) {
    while (!rest.empty()) {
        if (rest.size() < 2 || rest.size() < size_t{2} + rest[1]) {
            return false;
        }
        if (rest[0] == move_option && rest[1] == 8) {
            keepalive.move = uint64_t{load32(&rest[2])} << 32 | load32(&rest[6]);
        }
        if (rest[0] == hears_option && rest[1] == 1) {
            keepalive.hears_you = rest[2] != 0;
        }
        if (rest[0] == answers_option && rest[1] == 1) {
            keepalive.answers = static_cast<Answers>(std::min<uint8_t>(rest[2], 2));
        }
        if (rest[0] == link_option && rest[1] == 2) {
            keepalive.link_mtu = load16(&rest[2]);
        }
        if (rest[0] == copies_option && rest[1] == 1) {
            keepalive.copies = rest[2] != 0;
        }
        rest = rest.subspan(size_t{2} + rest[1]);
    }
    return true;
}

}  // namespace

std::vector<uint8_t> encode(const Keepalive& keepalive) {
    std::vector<uint8_t> out(fixed_bytes);
    const auto lines = std::min<size_t>(keepalive.lines.size(), 255);
    for (size_t i = 0; i < lines; ++i) {
        const auto at = out.size();
        out.resize(at + line_bytes);
        store32(&out[at], keepalive.lines[i].carrier);
        out[at + 4] = keepalive.lines[i].usable ? 1 : 0;
    }
    uint16_t prefixes = 0;
    for (const auto& prefix : keepalive.prefixes) {
        if (out.size() + 18 + options_max_bytes <= keepalive_max_bytes) {
            append(out, prefix);
            ++prefixes;
        }
    }
    if (keepalive.move != 0) {
        const auto at = out.size();
        out.resize(at + 10);
        out[at] = move_option;
        out[at + 1] = 8;
        store32(&out[at + 2], static_cast<uint32_t>(keepalive.move >> 32));
        store32(&out[at + 6], static_cast<uint32_t>(keepalive.move));
    }
    if (keepalive.hears_you) {
        out.insert(out.end(), {hears_option, 1, static_cast<uint8_t>(*keepalive.hears_you)});
    }
    if (keepalive.answers != Answers::nothing) {
        out.insert(out.end(), {answers_option, 1, static_cast<uint8_t>(keepalive.answers)});
    }
    if (const auto mtu = keepalive.link_mtu) {
        out.insert(out.end(), {link_option, 2, static_cast<uint8_t>(*mtu >> 8),
                               static_cast<uint8_t>(*mtu & 0xff)});
    }
    if (keepalive.copies) {
        out.insert(out.end(), {copies_option, 1, 1});
    }
    store32(&out[0], magic);
    out[4] = keepalive_version;
    out[5] = static_cast<uint8_t>(lines);
    store16(&out[6], prefixes);
    store32(&out[8], keepalive.line_version);
    store32(&out[12], keepalive.seen_version);
    store32(&out[16], keepalive.flows_here);
    store32(&out[20], keepalive.sequence);
    return out;
}

std::optional<Keepalive> decode_keepalive(std::span<const uint8_t> bytes) {
    if (bytes.size() < fixed_bytes || load32(&bytes[0]) != magic || bytes[4] != keepalive_version ||
        bytes.size() < fixed_bytes + bytes[5] * line_bytes) {
        return std::nullopt;
    }
    Keepalive keepalive;
    keepalive.line_version = load32(&bytes[8]);
    keepalive.seen_version = load32(&bytes[12]);
    keepalive.flows_here = load32(&bytes[16]);
    keepalive.sequence = load32(&bytes[20]);
    auto rest = bytes.subspan(fixed_bytes);
    for (unsigned i = 0; i < bytes[5]; ++i, rest = rest.subspan(line_bytes)) {
        keepalive.lines.push_back({load32(&rest[0]), rest[4] != 0});
    }
    for (unsigned i = 0; i < load16(&bytes[6]); ++i) {
        const auto prefix = take_prefix(rest);
        if (!prefix) {
            return std::nullopt;
        }
        keepalive.prefixes.push_back(*prefix);
    }
    return take_options(rest, keepalive) ? std::optional(keepalive) : std::nullopt;
}

}  // namespace rehome::vipd
