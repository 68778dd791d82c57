#include "vipd/packet/gue.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/ecn.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t private_version = 1;
constexpr uint8_t control_bit = 0x20;
constexpr uint32_t bare_control_bytes = 4;   // without a tag
constexpr uint32_t tag_before_counter = 12;  // offset of the counter from the key's id
constexpr uint8_t outer_ttl = 64;
constexpr uint32_t longest_packet = 65535;  // that an IPv4 header can tell

bool is_kind(uint8_t kind) {
    return kind <= static_cast<uint8_t>(Gue::Kind::known);
}

bool is_control(uint8_t type) {
    switch (static_cast<Gue::Control>(type)) {
        case Gue::Control::keepalive:
        case Gue::Control::services:
        case Gue::Control::flows:
        case Gue::Control::link_probe:
        case Gue::Control::handshake:
            return true;
    }
    return false;
}

// The outer IP header (without options), for a payload of so many bytes.
uint32_t write_ip(uint8_t* at, const TunnelEnds& ends, uint32_t payload_bytes) {
    if (ends.local.family == Family::v4) {
        std::memset(at, 0, 20);
        at[0] = 0x45;
        store16(at + 2, static_cast<uint16_t>(20 + payload_bytes));
        store16(at + 6, 0x4000);  // do not fragment: the link carries 1,500 bytes and the tunnel
        at[8] = outer_ttl;
        at[9] = static_cast<uint8_t>(Protocol::udp);
        std::copy_n(ends.local.bytes.begin(), 4, at + 12);
        std::copy_n(ends.peer.bytes.begin(), 4, at + 16);
        store16(at + 10, fold_checksum(sum_words({at, 20})));
        return 20;
    }
    std::memset(at, 0, 40);
    at[0] = 0x60;
    store16(at + 4, static_cast<uint16_t>(payload_bytes));
    at[6] = static_cast<uint8_t>(Protocol::udp);
    at[7] = outer_ttl;
    std::copy_n(ends.local.bytes.begin(), 16, at + 8);
    std::copy_n(ends.peer.bytes.begin(), 16, at + 24);
    return 40;
}

// No UDP checksum: the inner packet has its own (RFC 6935 and 6936 allow it for tunnels).
void write_udp(uint8_t* at, uint16_t source_port, uint32_t bytes) {
    store16(at, source_port);
    store16(at + 2, gue_port);
    store16(at + 4, static_cast<uint16_t>(bytes));
    store16(at + 6, 0);
}

// Behind the header's first bytes; the tag itself is left to be filled in.
void write_tag(uint8_t* at, const Tag& tag) {
    at[0] = tag.key_id;
    at[1] = tag.worker;
    store16(at + 2, tag.epoch);
    if (tag.counter != 0) {
        store64(at + tag_before_counter, tag.counter);
    }
}

Tag next_tag(const Signing& signing, Gue::Kind kind) {
    return {signing.key_id, signing.worker, signing.epoch, 0,
            counted(kind) ? ++*signing.counter : 0};
}

// All of the private data that versions without tags have, in one piece.
uint64_t private_data(const Gue& gue) {
    return uint64_t{private_version} << 56 | uint64_t{static_cast<uint8_t>(gue.kind)} << 48 |
           uint64_t{gue.hops} << 40 | uint64_t{gue.crossed} << 32 | gue.carrier;
}

void write_gue(uint8_t* at, const Gue& gue, uint32_t bytes, Family inner) {
    at[0] = static_cast<uint8_t>((bytes - 4) / 4);
    at[1] = inner == Family::v4 ? 4 : 41;
    store16(at + 2, 0);
    store64(at + 4, private_data(gue));
}

// What a gateway says itself; who has no keys reads on behind any header.
tl::expected<Gue, Drop> decode_control(Gue gue, std::span<const uint8_t> payload) {
    if (!is_control(payload[1])) {
        return tl::unexpected(Drop::bad_tunnel);
    }
    gue.kind = Gue::Kind::control;
    gue.control = static_cast<Gue::Control>(payload[1]);
    gue.tagged = gue.header_bytes == bare_control_bytes + tag_bytes(gue.kind);
    return gue;
}

}  // namespace

uint16_t tunnel_source_port(const Endpoint& from, const Endpoint& to) {
    std::array<uint8_t, 36> bytes{};
    std::copy_n(from.address.bytes.begin(), 16, bytes.begin());
    std::copy_n(to.address.bytes.begin(), 16, bytes.begin() + 16);
    store16(&bytes[32], from.port);
    store16(&bytes[34], to.port);
    return static_cast<uint16_t>(0xc000 | (hash_bytes(bytes, HashKey::tunnel_port) & 0x3fff));
}

uint32_t carrier_id(std::string_view carrier) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(carrier.data());
    const auto hash = hash_bytes({bytes, carrier.size()}, HashKey::carrier);
    return std::max(static_cast<uint32_t>(hash), 1U);
}

tl::expected<Gue, Drop> decode_gue(std::span<const uint8_t> payload) {
    if (payload.size() < 4) {
        return tl::unexpected(Drop::truncated);
    }
    Gue gue;
    gue.header_bytes = 4 + (payload[0] & 0x1fU) * 4;
    if (payload[0] >> 6 != 0 || load16(&payload[2]) != 0) {
        return tl::unexpected(Drop::bad_tunnel);
    }
    if (payload.size() < gue.header_bytes) {
        return tl::unexpected(Drop::truncated);
    }
    if ((payload[0] & control_bit) != 0) {
        return decode_control(gue, payload);
    }
    const bool ours = gue.header_bytes >= gue_bytes && (payload[1] == 4 || payload[1] == 41) &&
                      payload[4] == private_version && is_kind(payload[5]) && payload[7] <= 1;
    if (!ours) {
        return tl::unexpected(Drop::bad_tunnel);
    }
    gue.kind = static_cast<Gue::Kind>(payload[5]);
    gue.hops = payload[6];
    gue.crossed = payload[7] != 0;
    gue.carrier = load32(&payload[8]);
    gue.tagged = gue.header_bytes == gue_bytes + tag_bytes(gue.kind);
    if (!gue.tagged && gue.header_bytes != gue_bytes) {
        return tl::unexpected(Drop::bad_tunnel);
    }
    return gue;
}

Tag tag_in(const Gue& gue, std::span<const uint8_t> carried) {
    const uint8_t* at = carried.data() - tag_bytes(gue.kind);
    return {at[0], at[1], load16(at + 2), load64(at + 4),
            counted(gue.kind) ? load64(at + tag_before_counter) : 0};
}

bool tag_holds(const TagKeys& keys, const Gue& gue, const Tag& tag,
               std::span<const uint8_t> carried, const Packet& inner) {
    const uint64_t value =
        gue.kind == Gue::Kind::control
            ? tag_of_control(keys.control, static_cast<uint8_t>(gue.control), tag, carried)
            : tag_of_packet(keys.packets, private_data(gue), tag, carried.data(), inner);
    return value == tag.value;
}

tl::expected<void, Drop> encapsulate(Frame& frame, const Packet& inner, const Gue& gue,
                                     const TunnelEnds& ends) {
    const uint32_t added = ends.overhead(gue.kind);
    const uint32_t inner_bytes = inner.end - inner.ip;
    const bool fits = frame.headroom + inner.ip >= added + ethernet_bytes &&
                      inner_bytes + added <= longest_packet;
    if (!fits) {
        return tl::unexpected(Drop::too_big);
    }
    const uint8_t* inner_ip = frame.data + inner.ip;
    frame.resize(inner.end);  // Ethernet's padding does not travel
    frame.pop_front(inner.ip - ethernet_bytes);
    frame.push_front(added);
    store16(frame.data + 12, ends.local.family == Family::v4 ? ethertype_v4 : ethertype_v6);
    uint8_t* ip = frame.data + ethernet_bytes;
    const uint32_t header = added - tunnel_bytes(ends.local.family) + gue_bytes;
    uint8_t* udp = ip + write_ip(ip, ends, 8 + header + inner_bytes);
    if (ends.copies_ecn) {
        set_ecn(ip, ends.local.family, ecn_of(ip + added, inner.family));
    }
    write_udp(udp, ends.source_port, 8 + header + inner_bytes);
    write_gue(udp + 8, gue, header, inner.family);
    if (ends.signing.keys != nullptr) {
        const Tag tag = next_tag(ends.signing, gue.kind);
        uint8_t* at = udp + 8 + gue_bytes;
        write_tag(at, tag);
        store64(at + 4,
                tag_of_packet(ends.signing.keys->packets, private_data(gue), tag, inner_ip, inner));
    }
    return {};
}

uint32_t make_control_packet(std::span<uint8_t> out, Gue::Control control,
                             std::span<const uint8_t> said, const TunnelEnds& ends) {
    const bool tagged = ends.signing.keys != nullptr;
    const uint32_t header = bare_control_bytes + (tagged ? tag_bytes(Gue::Kind::control) : 0);
    const auto payload_bytes = static_cast<uint32_t>(8 + header + said.size());
    const uint32_t ip_bytes = ends.local.family == Family::v4 ? 20 : 40;
    if (out.size() < ip_bytes + payload_bytes) {
        return 0;
    }
    uint8_t* udp = out.data() + write_ip(out.data(), ends, payload_bytes);
    write_udp(udp, ends.source_port, payload_bytes);
    uint8_t* gue = udp + 8;
    gue[0] = static_cast<uint8_t>(control_bit | (header - 4) / 4);
    gue[1] = static_cast<uint8_t>(control);
    store16(gue + 2, 0);
    if (tagged) {
        const Tag tag = next_tag(ends.signing, Gue::Kind::control);
        write_tag(gue + bare_control_bytes, tag);
        store64(gue + bare_control_bytes + 4,
                tag_of_control(ends.signing.keys->control, gue[1], tag, said));
    }
    std::copy(said.begin(), said.end(), gue + header);
    return ip_bytes + payload_bytes;
}

}  // namespace rehome::vipd
