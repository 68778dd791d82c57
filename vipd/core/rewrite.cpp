#include "vipd/core/rewrite.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "vipd/core/bytes.h"
#include "vipd/core/checksum.h"

namespace rehome {

namespace {

constexpr uint8_t fresh_ttl = 64;
constexpr uint32_t tcp_checksum_at = 16;
constexpr uint32_t udp_checksum_at = 6;

void apply(const Delta& delta, uint8_t* checksum) {
    store16(checksum, delta.apply(load16(checksum)));
}

void apply_to_transport(uint8_t* l4, const Packet& packet, const Delta& delta) {
    if (packet.tcp()) {
        apply(delta, l4 + tcp_checksum_at);
        return;
    }
    uint8_t* checksum = l4 + udp_checksum_at;
    if (load16(checksum) == 0) {
        return;  // none was made (RFC 768); it stays so
    }
    apply(delta, checksum);
    if (load16(checksum) == 0) {
        store16(checksum, 0xffff);
    }
}

// One end of the packet becomes `to`: the address at address_at, the port at port_at.
void rewrite(Frame& frame, const Packet& packet, uint8_t* address_at, uint8_t* port_at,
             const Endpoint& to) {
    const size_t bytes = to.address.bits() / 8;
    Delta delta;
    delta.replace({address_at, bytes}, to.address.data());
    std::copy_n(to.address.bytes.begin(), bytes, address_at);
    if (packet.family == Family::v4) {
        apply(delta, frame.data + packet.ip + 10);
    }
    delta.replace16(load16(port_at), to.port);
    store16(port_at, to.port);
    apply_to_transport(frame.data + packet.l4, packet, delta);
}

uint32_t write_ip_header(uint8_t* at, const Reset& reset) {
    if (reset.from.address.family == Family::v4) {
        std::memset(at, 0, 20);
        at[0] = 0x45;
        store16(at + 2, 40);
        store16(at + 6, 0x4000);
        at[8] = fresh_ttl;
        at[9] = static_cast<uint8_t>(Protocol::tcp);
        std::copy_n(reset.from.address.bytes.begin(), 4, at + 12);
        std::copy_n(reset.to.address.bytes.begin(), 4, at + 16);
        store16(at + 10, fold_checksum(sum_words({at, 20})));
        return 20;
    }
    std::memset(at, 0, 40);
    at[0] = 0x60;
    store16(at + 4, 20);
    at[6] = static_cast<uint8_t>(Protocol::tcp);
    at[7] = fresh_ttl;
    std::copy_n(reset.from.address.bytes.begin(), 16, at + 8);
    std::copy_n(reset.to.address.bytes.begin(), 16, at + 24);
    return 40;
}

}  // namespace

void rewrite_destination(Frame& frame, Packet& packet, const Endpoint& to) {
    uint8_t* ip = frame.data + packet.ip;
    rewrite(frame, packet, ip + (packet.family == Family::v4 ? 16 : 24), frame.data + packet.l4 + 2,
            to);
    packet.destination = to.address;
    packet.destination_port = to.port;
}

void rewrite_source(Frame& frame, Packet& packet, const Endpoint& from) {
    uint8_t* ip = frame.data + packet.ip;
    rewrite(frame, packet, ip + (packet.family == Family::v4 ? 12 : 8), frame.data + packet.l4,
            from);
    packet.source = from.address;
    packet.source_port = from.port;
}

bool take_hop(Frame& frame, Packet& packet) {
    if (packet.ttl <= 1) {
        return false;
    }
    uint8_t* ip = frame.data + packet.ip;
    if (packet.family == Family::v6) {
        ip[7] = --packet.ttl;
        return true;
    }
    Delta delta;
    const uint16_t before = load16(ip + 8);  // TTL and protocol
    ip[8] = --packet.ttl;
    delta.replace16(before, load16(ip + 8));
    apply(delta, ip + 10);
    return true;
}

bool is_echo_request(const Frame& frame, const Packet& packet) {
    const bool v4 = packet.family == Family::v4;
    const auto icmp = static_cast<uint8_t>(v4 ? Protocol::icmp : Protocol::icmp6);
    return packet.protocol == icmp && !packet.fragment && packet.end - packet.l4 >= 8 &&
           frame.data[packet.l4] == (v4 ? 8 : 128) && frame.data[packet.l4 + 1] == 0;
}

void make_echo_reply(Frame& frame, Packet& packet) {
    const bool v4 = packet.family == Family::v4;
    uint8_t* ip = frame.data + packet.ip;
    uint8_t* icmp = frame.data + packet.l4;
    const uint16_t before = load16(icmp);
    icmp[0] = v4 ? 0 : 129;
    Delta delta;
    delta.replace16(before, load16(icmp));
    apply(delta, icmp + 2);

    // Swapping the addresses leaves every sum as it is.
    const size_t bytes = v4 ? 4 : 16;
    uint8_t* source = ip + (v4 ? 12 : 8);
    std::swap_ranges(source, source + bytes, source + bytes);
    std::swap(packet.source, packet.destination);
    packet.ttl = fresh_ttl;
    if (!v4) {
        ip[7] = packet.ttl;
        return;
    }
    Delta ttl;
    const uint16_t ttl_before = load16(ip + 8);
    ip[8] = packet.ttl;
    ttl.replace16(ttl_before, load16(ip + 8));
    apply(ttl, ip + 10);
}

uint32_t make_reset(std::span<uint8_t> out, const Reset& reset) {
    const uint32_t ip_bytes = write_ip_header(out.data(), reset);
    uint8_t* tcp = out.data() + ip_bytes;
    std::memset(tcp, 0, 20);
    store16(tcp, reset.from.port);
    store16(tcp + 2, reset.to.port);
    store32(tcp + 4, reset.seq);
    store32(tcp + 8, reset.ack);
    tcp[12] = 5 << 4;
    tcp[13] = tcp_flag::rst | tcp_flag::ack;
    store16(tcp + tcp_checksum_at,
            transport_checksum(reset.from.address.data(), reset.to.address.data(),
                               static_cast<uint8_t>(Protocol::tcp), {tcp, 20}));
    return ip_bytes + 20;
}

void answer_with_reset(Frame& frame, Packet& packet) {
    Reset reset;
    reset.from = {packet.destination, packet.destination_port};
    reset.to = {packet.source, packet.source_port};
    reset.seq = (packet.tcp_flags & tcp_flag::ack) != 0 ? packet.ack : 0;
    reset.ack = packet.seq + packet.sequence_length();
    std::array<uint8_t, 60> bytes{};
    const uint32_t length = make_reset(bytes, reset);
    std::copy_n(bytes.begin(), length, frame.data + packet.ip);
    frame.resize(packet.ip + length);
    packet = *parse_packet(frame.bytes(), packet.ip);
    packet.ttl = fresh_ttl;
}

}  // namespace rehome
