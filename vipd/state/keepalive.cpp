#include "vipd/state/keepalive.h"

#include <algorithm>

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t magic = 0x72686b61;
constexpr uint8_t keepalive_version = 1;
constexpr size_t fixed_bytes = 24;
constexpr size_t line_bytes = 5;

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

// Every option that this version knows: a number of so many bytes, which is said where it is more
// than 0, or where `says` is true.
struct Option {
    uint8_t type, bytes;
    uint64_t (*value)(const Keepalive& k);
    void (*take)(Keepalive& k, uint64_t value);
    bool (*says)(const Keepalive& k) = [](const Keepalive&) { return false; };
};

constexpr Option options[] = {
    {1, 8, [](const Keepalive& k) { return k.move; }, [](Keepalive& k, uint64_t v) { k.move = v; }},
    {2, 1, [](const Keepalive& k) { return uint64_t{k.hears_you.value_or(false)}; },
     [](Keepalive& k, uint64_t v) { k.hears_you = v != 0; },
     [](const Keepalive& k) { return k.hears_you.has_value(); }},
    {3, 1, [](const Keepalive& k) { return static_cast<uint64_t>(k.answers); },
     [](Keepalive& k, uint64_t v) { k.answers = static_cast<Answers>(std::min(v, uint64_t{2})); }},
    {4, 1, [](const Keepalive& k) { return uint64_t{k.copies}; },
     [](Keepalive& k, uint64_t v) { k.copies = v != 0; }},
    {5, 1, [](const Keepalive& k) { return uint64_t{k.has_keys}; },
     [](Keepalive& k, uint64_t v) { k.has_keys = v != 0; }},
    {6, 2, [](const Keepalive& k) { return uint64_t{k.link_mtu.value_or(0)}; },
     [](Keepalive& k, uint64_t v) { k.link_mtu = static_cast<uint16_t>(v); },
     [](const Keepalive& k) { return k.link_mtu.has_value(); }},
    {7, 8,
     [](const Keepalive& k) {
         const auto services = k.services.value_or(Keepalive::Services{});
         return uint64_t{services.ready} << 32 | services.held;
     },
     [](Keepalive& k, uint64_t v) {
         k.services = {static_cast<uint32_t>(v >> 32), static_cast<uint32_t>(v)};
     },
     [](const Keepalive& k) { return k.services.has_value(); }},
    {8, 1, [](const Keepalive& k) { return uint64_t{k.hears_flows}; },
     [](Keepalive& k, uint64_t v) { k.hears_flows = v != 0; }},
    {9, 8, [](const Keepalive& k) { return k.placement.value_or(0); },
     [](Keepalive& k, uint64_t v) { k.placement = v; },
     [](const Keepalive& k) { return k.placement.has_value(); }},
    {10, 8, [](const Keepalive& k) { return k.access.value_or(0); },
     [](Keepalive& k, uint64_t v) { k.access = v; },
     [](const Keepalive& k) { return k.access.has_value(); }},
    {11, 8, [](const Keepalive& k) { return k.sites.value_or(0); },
     [](Keepalive& k, uint64_t v) { k.sites = v; },
     [](const Keepalive& k) { return k.sites.has_value(); }},
};

constexpr size_t options_max_bytes = [] {
    size_t bytes = 0;
    for (const Option& option : options) {
        bytes += 2 + option.bytes;
    }
    return bytes;
}();

void append(std::vector<uint8_t>& out, const Option& option, uint64_t value) {
    out.push_back(option.type);
    out.push_back(option.bytes);
    for (int shift = 8 * (option.bytes - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<uint8_t>(value >> shift));
    }
}

void take_option(Keepalive& keepalive, uint8_t type, std::span<const uint8_t> bytes) {
    for (const Option& option : options) {
        if (option.type == type && option.bytes == bytes.size()) {
            uint64_t value = 0;
            for (const uint8_t byte : bytes) {
                value = value << 8 | byte;
            }
            option.take(keepalive, value);
        }
    }
}

// Takes the options, to the end.
bool take_options(std::span<const uint8_t> rest, Keepalive& keepalive) {
    while (!rest.empty()) {
        if (rest.size() < 2 || rest.size() < size_t{2} + rest[1]) {
            return false;
        }
        take_option(keepalive, rest[0], rest.subspan(2, rest[1]));
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
    for (const Option& option : options) {
        if (option.value(keepalive) != 0 || option.says(keepalive)) {
            append(out, option, option.value(keepalive));
        }
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
