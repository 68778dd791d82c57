// Fields to bytes and back.  describe_packet reads what is there, builds it again, and notes as
// overrides where the two differ; what even these cannot say is raw.
#include "vipd/packet/packet_spec.h"

#include <algorithm>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

namespace {

using Bytes = PacketSpec::Bytes;
using View = std::span<const uint8_t>;

constexpr uint8_t hop_by_hop = 0, routing = 43, fragment_header = 44, destination_options = 60;
constexpr uint32_t fragment_bytes = 8;
constexpr int nested_max = 4;

bool is_extension(uint8_t kind) {
    return kind == hop_by_hop || kind == routing || kind == destination_options;
}

void append(Bytes& out, View more) {
    out.insert(out.end(), more.begin(), more.end());
}

void append16(Bytes& out, uint32_t value) {
    out.push_back(static_cast<uint8_t>(value >> 8));
    out.push_back(static_cast<uint8_t>(value));
}

void append32(Bytes& out, uint32_t value) {
    append16(out, value >> 16);
    append16(out, value);
}

// ---- fields to bytes ----------------------------------------------------------------------------

Bytes payload_of(const PacketSpec& spec) {
    Bytes out = spec.data;
    while (out.size() < spec.length) {
        out.push_back(payload_byte(spec.start + out.size()));
    }
    if (spec.inner) {
        append(out, build_packet(*spec.inner));
    }
    return out;
}

Bytes tcp_header(const PacketSpec& spec) {
    Bytes out;
    append16(out, spec.source.port);
    append16(out, spec.destination.port);
    append32(out, spec.seq);
    append32(out, spec.ack);
    const size_t header = 20 + (spec.mss ? 4 : 0) + spec.tcp_options.size();
    out.push_back(static_cast<uint8_t>(header / 4 << 4));
    out.push_back(spec.flags);
    append16(out, spec.window);
    append16(out, 0);
    append16(out, spec.urgent);
    if (spec.mss) {
        append16(out, 0x0204);
        append16(out, *spec.mss);
    }
    append(out, spec.tcp_options);
    return out;
}

// Where the checksum stands in the transport header; nothing: there is none.
std::optional<size_t> checksum_at(const PacketSpec& spec) {
    if (spec.later_fragment()) {
        return std::nullopt;
    }
    return spec.tcp()    ? std::optional<size_t>(16)
           : spec.udp()  ? std::optional<size_t>(6)
           : spec.icmp() ? std::optional<size_t>(2)
                         : std::nullopt;
}

uint16_t right_checksum(const PacketSpec& spec, View segment) {
    if (spec.icmp() && !spec.v6()) {  // no pseudo header (RFC 792)
        return fold_checksum(sum_words(segment));
    }
    if (spec.udp()) {
        segment = segment.first(std::min<size_t>(segment.size(), load16(&segment[4])));
    }
    const uint16_t sum = transport_checksum(
        spec.source.address.data(), spec.destination.address.data(), spec.protocol, segment);
    return spec.udp() && sum == 0 ? uint16_t{0xffff} : sum;  // 0 means none (RFC 768)
}

Bytes segment_of(const PacketSpec& spec) {
    Bytes payload = payload_of(spec);
    Bytes out;
    if (spec.later_fragment()) {
        return payload;
    }
    if (spec.tcp()) {
        out = tcp_header(spec);
    } else if (spec.udp()) {
        append16(out, spec.source.port);
        append16(out, spec.destination.port);
        append16(out, spec.udp_length.value_or(static_cast<uint16_t>(8 + payload.size())));
        append16(out, 0);
    } else if (spec.icmp()) {
        out = {spec.type, spec.code, 0, 0};
        append32(out, spec.rest);
    }
    append(out, payload);
    if (const auto at = checksum_at(spec)) {
        store16(&out[*at], spec.sum.value_or(right_checksum(spec, out)));
    }
    return out;
}

Bytes v4_header(const PacketSpec& spec, size_t segment) {
    const size_t header = 20 + spec.options.size();
    Bytes out{static_cast<uint8_t>(0x40 | header / 4), spec.tos};
    append16(out, spec.total.value_or(static_cast<uint16_t>(header + segment)));
    append16(out, spec.id);
    append16(out,
             (spec.dont_fragment ? 0x4000U : 0U) | (spec.more ? 0x2000U : 0U) | spec.offset / 8);
    out.insert(out.end(), {spec.ttl, spec.protocol, 0, 0});
    append(out, spec.source.address.data());
    append(out, spec.destination.address.data());
    append(out, spec.options);
    store16(&out[10], spec.ip_sum.value_or(fold_checksum(sum_words(out))));
    return out;
}

Bytes v6_header(const PacketSpec& spec, size_t segment) {
    Bytes chain;
    uint8_t first = spec.protocol;
    if (spec.fragment) {
        chain = {first, 0};
        append16(chain, spec.offset | (spec.more ? 1U : 0U));
        append32(chain, spec.id);
        first = fragment_header;
    }
    for (auto extension = spec.extensions.rbegin(); extension != spec.extensions.rend();
         ++extension) {
        const size_t units = (2 + extension->body.size()) / 8 - 1;
        Bytes header{first, static_cast<uint8_t>(units)};
        append(header, extension->body);
        append(header, chain);
        chain = header;
        first = extension->kind;
    }
    Bytes out;
    append32(out, 6U << 28 | uint32_t{spec.tos} << 20 | spec.flow_label);
    append16(out, spec.total.value_or(static_cast<uint16_t>(chain.size() + segment)));
    out.insert(out.end(), {first, spec.ttl});
    append(out, spec.source.address.data());
    append(out, spec.destination.address.data());
    append(out, chain);
    return out;
}

// ---- bytes to fields ----------------------------------------------------------------------------

PacketSpec describe(View packet, int nested);

Address address_at(Family family, const uint8_t* at) {
    Address address;
    address.family = family;
    std::copy_n(at, family == Family::v4 ? 4 : 16, address.bytes.begin());
    return address;
}

// Where the payload's packet begins, if it may be one: an ICMP error's quote, IP in IP, or what
// GUE carries (variant 0, no control message).
std::optional<size_t> inner_at(const PacketSpec& spec, View payload) {
    if (spec.later_fragment()) {
        return std::nullopt;
    }
    if (spec.icmp()) {
        const uint8_t t = spec.type;
        const bool error =
            spec.v6() ? t >= 1 && t <= 4 : t == 3 || t == 4 || t == 5 || t == 11 || t == 12;
        return error ? std::optional<size_t>(0) : std::nullopt;
    }
    if (spec.protocol == 4 || spec.protocol == 41) {
        return 0;
    }
    const bool gue = spec.udp() && spec.destination.port == gue_text_port && payload.size() >= 4 &&
                     (payload[0] & 0xe0) == 0;
    return gue ? std::optional<size_t>(4 + (payload[0] & size_t{0x1f}) * 4) : std::nullopt;
}

// How many bytes of the payload are not those that nobody has said, counted from start.
size_t said_bytes(View payload, uint8_t start) {
    size_t said = payload.size();
    while (said > 0 && payload[said - 1] == payload_byte(start + said - 1)) {
        --said;
    }
    return said;
}

// payload: what is there of it; claimed: how long the headers say it is.
void describe_payload(PacketSpec& spec, View payload, size_t claimed, int nested) {
    const auto inner = payload.size() == claimed ? inner_at(spec, payload) : std::nullopt;
    spec.length = static_cast<uint32_t>(claimed);
    if (inner && *inner < payload.size() && nested < nested_max) {
        auto carried = describe(payload.subspan(*inner), nested + 1);
        if (!carried.is_raw) {
            spec.inner = std::make_shared<const PacketSpec>(std::move(carried));
            payload = payload.first(*inner);
            spec.length = static_cast<uint32_t>(*inner);
        }
    }
    size_t said = said_bytes(payload, 0);
    if (said == payload.size() && said > 1 && said_bytes(payload, payload[0]) == 0) {
        spec.start = payload[0];  // as in a later fragment
        said = 0;
    }
    spec.data.assign(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(said));
}

// The bytes of the transport header at `at`, whose fields are read; zeros stand for what is cut.
size_t describe_header(PacketSpec& spec, const uint8_t* at) {
    if (spec.later_fragment()) {
        return 0;
    }
    if (spec.tcp() || spec.udp()) {
        spec.source.port = load16(at);
        spec.destination.port = load16(at + 2);
    }
    if (spec.tcp()) {
        spec.seq = load32(at + 4);
        spec.ack = load32(at + 8);
        spec.flags = at[13];
        spec.window = load16(at + 14);
        spec.urgent = load16(at + 18);
        const auto header = static_cast<size_t>(std::max(at[12] >> 4, 5)) * 4;
        const bool mss = header >= 24 && load16(at + 20) == 0x0204;
        if (mss) {
            spec.mss = load16(at + 22);
        }
        spec.tcp_options.assign(at + 20 + (mss ? 4 : 0), at + header);
        return header;
    }
    if (spec.icmp()) {
        spec.type = at[0];
        spec.code = at[1];
        spec.rest = load32(at + 4);
    }
    return spec.udp() || spec.icmp() ? 8 : 0;
}

// l4: where the transport header begins; claimed: where the packet says that it ends.
void describe_segment(PacketSpec& spec, View packet, size_t l4, size_t claimed, int nested) {
    Bytes all(packet.begin(), packet.end());
    all.resize(std::max(claimed, l4) + 60);
    const size_t payload = l4 + describe_header(spec, &all[l4]);
    const size_t end = std::max(claimed, payload);
    const size_t there = std::clamp(packet.size(), payload, end);
    if (spec.tcp() && packet.size() < l4 + 20) {
        spec.window = PacketSpec().window;  // of a quote's first 8 bytes
    }
    describe_payload(spec, View(all).subspan(payload, there - payload), end - payload, nested);
}

std::optional<PacketSpec> describe_v4(View packet, int nested) {
    const size_t header = packet.size() < 20 ? 0 : (packet[0] & size_t{0x0f}) * 4;
    if (header < 20 || packet.size() < header) {
        return std::nullopt;
    }
    PacketSpec spec;
    spec.tos = packet[1];
    spec.id = load16(&packet[4]);
    const uint16_t field = load16(&packet[6]);
    spec.dont_fragment = (field & 0x4000) != 0;
    spec.more = (field & 0x2000) != 0;
    spec.offset = (field & 0x1fffU) * 8U;
    spec.fragment = spec.more || spec.offset != 0;
    spec.ttl = packet[8];
    spec.protocol = packet[9];
    spec.source.address = address_at(Family::v4, &packet[12]);
    spec.destination.address = address_at(Family::v4, &packet[16]);
    spec.options.assign(packet.begin() + 20, packet.begin() + static_cast<std::ptrdiff_t>(header));
    describe_segment(spec, packet, header, load16(&packet[2]), nested);
    return spec;
}

std::optional<PacketSpec> describe_v6(View packet, int nested) {
    if (packet.size() < 40) {
        return std::nullopt;
    }
    PacketSpec spec;
    const uint32_t word = load32(packet.data());
    spec.tos = static_cast<uint8_t>(word >> 20);
    spec.flow_label = word & 0xfffff;
    spec.ttl = packet[7];
    spec.source.address = address_at(Family::v6, &packet[8]);
    spec.destination.address = address_at(Family::v6, &packet[24]);
    uint8_t next = packet[6];
    size_t at = 40;
    while (is_extension(next) && packet.size() >= at + 8) {
        const size_t bytes = (size_t{packet[at + 1]} + 1) * 8;
        if (packet.size() < at + bytes) {
            return std::nullopt;
        }
        const auto header = packet.subspan(at, bytes);
        spec.extensions.push_back({next, {header.begin() + 2, header.end()}});
        next = header[0];
        at += bytes;
    }
    if (next == fragment_header && packet.size() >= at + fragment_bytes) {
        next = packet[at];
        spec.fragment = true;
        spec.offset = load16(&packet[at + 2]) & 0xfff8U;
        spec.more = (packet[at + 3] & 1) != 0;
        spec.id = load32(&packet[at + 4]);
        at += fragment_bytes;
    }
    spec.protocol = next;
    describe_segment(spec, packet, at, 40U + load16(&packet[4]), nested);
    return spec;
}

// Where the transport header begins in what build_packet makes.
size_t transport_at(const PacketSpec& spec) {
    size_t at = spec.v6() ? 40 + (spec.fragment ? fragment_bytes : 0U) : 20 + spec.options.size();
    for (const auto& extension : spec.extensions) {
        at += 2 + extension.body.size();
    }
    return at;
}

// Notes what differs from what would be right.  False: the bytes cannot be said.
bool note_overrides(PacketSpec& spec, View packet) {
    Bytes built = build_packet(spec);
    const auto differs = [&](size_t at) {
        return packet.size() >= at + 2 && built.size() >= at + 2 &&
               load16(&packet[at]) != load16(&built[at]);
    };
    const auto note = [&](std::optional<uint16_t>& field, size_t at) {
        if (differs(at)) {
            field = load16(&packet[at]);
            built = build_packet(spec);
        }
    };
    const size_t l4 = transport_at(spec);
    if (spec.udp() && !spec.later_fragment()) {
        note(spec.udp_length, l4 + 4);
    }
    note(spec.total, spec.v6() ? 4 : 2);
    if (const auto at = checksum_at(spec)) {
        note(spec.sum, l4 + *at);
    }
    if (!spec.v6()) {
        note(spec.ip_sum, 10);
    }
    if (packet.size() < built.size()) {
        spec.cut = static_cast<uint32_t>(packet.size());
        built = build_packet(spec);
    }
    return std::equal(built.begin(), built.end(), packet.begin(), packet.end());
}

PacketSpec describe(View packet, int nested) {
    std::optional<PacketSpec> spec;
    if (!packet.empty()) {
        const int version = packet[0] >> 4;
        spec = version == 4   ? describe_v4(packet, nested)
               : version == 6 ? describe_v6(packet, nested)
                              : std::nullopt;
    }
    if (spec && note_overrides(*spec, packet)) {
        return std::move(*spec);
    }
    PacketSpec raw;
    raw.is_raw = true;
    raw.raw.assign(packet.begin(), packet.end());
    return raw;
}

}  // namespace

Bytes empty_extension(uint8_t kind) {
    return kind == routing ? Bytes(6) : Bytes{1, 4, 0, 0, 0, 0};  // RFC 8200 4.2: PadN
}

Bytes build_packet(const PacketSpec& spec) {
    if (spec.is_raw) {
        return spec.raw;
    }
    const Bytes segment = segment_of(spec);
    Bytes packet = spec.v6() ? v6_header(spec, segment.size()) : v4_header(spec, segment.size());
    append(packet, segment);
    if (spec.cut && *spec.cut < packet.size()) {
        packet.resize(*spec.cut);
    }
    return packet;
}

PacketSpec describe_packet(View packet) {
    return describe(packet, 0);
}

}  // namespace rehome::vipd
