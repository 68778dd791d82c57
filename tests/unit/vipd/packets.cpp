#include "tests/unit/vipd/packets.h"

#include <algorithm>

#include "vipd/packet/bytes.h"

namespace rehome::vipd::testing {

namespace {

void append(Bytes& out, const Bytes& more) {
    out.insert(out.end(), more.begin(), more.end());
}

void append16(Bytes& out, uint32_t value) {
    append(out, {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)});
}

void append(Bytes& out, const Address& address) {
    out.insert(out.end(), address.data().begin(), address.data().end());
}

Bytes tcp_segment(const Say& say) {
    Bytes out;
    append16(out, say.from.port);
    append16(out, say.to.port);
    for (const uint32_t number : {say.seq, say.ack}) {
        append16(out, number >> 16);
        append16(out, number);
    }
    const auto header = static_cast<uint8_t>((5 + say.tcp_options.size() / 4) << 4);
    append(out, {header, say.flags, 0x20, 0, 0, 0, 0, 0});
    append(out, say.tcp_options);
    out.insert(out.end(), say.payload.begin(), say.payload.end());
    return out;
}

Bytes udp_segment(const Say& say) {
    Bytes out;
    append16(out, say.from.port);
    append16(out, say.to.port);
    append16(out, static_cast<uint32_t>(8 + say.payload.size()));
    append16(out, 0);
    out.insert(out.end(), say.payload.begin(), say.payload.end());
    return out;
}

Bytes icmp_message(const Say& say) {
    Bytes out{say.icmp_type, 0, 0, 0, 0x12, 0x34, 0, 1};
    out.insert(out.end(), say.payload.begin(), say.payload.end());
    return out;
}

// Where the checksum stands in the segment; 0: it has none.
size_t checksum_at(uint8_t protocol) {
    switch (protocol) {
        case 6:
            return 16;
        case 17:
        case 33:   // DCCP
        case 136:  // UDP-Lite
            return 6;
        case 1:
        case 58:
            return 2;
        default:
            return 0;
    }
}

Bytes ip_header(const Say& say, size_t payload) {
    Bytes out;
    if (say.from.address.family == Family::v6) {
        out = {0x60, 0, 0, 0};
        Bytes chain;
        for (size_t i = 0; i < say.extensions.size(); ++i) {
            const bool last = i + 1 == say.extensions.size();
            append(chain, {last ? say.protocol : say.extensions[i + 1].type});
            append(chain, say.extensions[i].rest);
        }
        append16(out, static_cast<uint32_t>(payload + chain.size()));
        append(out, {chain.empty() ? say.protocol : say.extensions[0].type, say.ttl});
        append(out, say.from.address);
        append(out, say.to.address);
        append(out, chain);
        return out;
    }
    const uint32_t header = 20 + say.option_bytes;
    out = {static_cast<uint8_t>(0x40 | header / 4), 0};
    append16(out, static_cast<uint32_t>(header + payload));
    append(out, {0x77, 0x01});
    append16(out, say.fragment);
    append(out, {say.ttl, say.protocol, 0, 0});
    append(out, say.from.address);
    append(out, say.to.address);
    out.resize(out.size() + say.option_bytes, 1);  // "no operation"
    store16(&out[10], sum(out));
    return out;
}

struct Upper {
    uint8_t protocol;
    size_t at;
};

// As much of it as is there: lengths may lie, as where a test mixes the families of the ends.
std::span<const uint8_t> part(std::span<const uint8_t> packet, size_t at, size_t count) {
    const auto rest = packet.subspan(std::min(at, packet.size()));
    return rest.first(std::min(count, rest.size()));
}

// What the IP header and IPv6's extension headers lead to.
Upper upper(std::span<const uint8_t> packet) {
    if (packet[0] >> 4 == 4) {
        return {packet[9], (packet[0] & 15U) * 4};
    }
    Upper out{packet[6], 40};
    const Bytes walked{0, 43, 44, 51, 60};
    while (std::find(walked.begin(), walked.end(), out.protocol) != walked.end()) {
        const uint8_t length = packet[out.at + 1];
        const uint8_t next = packet[out.at];
        out.at += out.protocol == 44 ? 8U : out.protocol == 51 ? length * 4U + 8 : length * 8U + 8;
        out.protocol = next;
    }
    return out;
}

}  // namespace

uint16_t sum(const Bytes& bytes) {
    uint32_t total = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
        total += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : uint32_t{bytes[i]};
        total = (total & 0xffff) + (total >> 16);
    }
    return static_cast<uint16_t>(~total);
}

Bytes summed(std::span<const uint8_t> packet) {
    const bool v4 = packet[0] >> 4 == 4;
    const size_t total = v4 ? load16(&packet[2]) : 40U + load16(&packet[4]);
    const auto [protocol, header] = upper(packet);
    Bytes out;
    if (protocol != 1) {  // ICMP alone has no pseudo header (RFC 792)
        const auto addresses = part(packet, v4 ? 12 : 8, v4 ? 8 : 32);
        out.assign(addresses.begin(), addresses.end());
        append(out, {0, protocol});
        append16(out, static_cast<uint32_t>(total - header));
    }
    const auto segment = part(packet, header, total - std::min(header, total));
    out.insert(out.end(), segment.begin(), segment.end());
    return out;
}

Bytes make_ip(const Say& say) {
    const bool like_udp = say.protocol == 17 || say.protocol == 136;
    Bytes segment = say.protocol == 6 ? tcp_segment(say)
                    : like_udp        ? udp_segment(say)
                                      : icmp_message(say);
    Bytes packet = ip_header(say, segment.size());
    const size_t at = packet.size() + checksum_at(say.protocol);
    append(packet, segment);
    if (checksum_at(say.protocol) != 0 && (say.protocol != 17 || say.checksum)) {
        store16(&packet[at], 0);
        const uint16_t checksum = sum(summed(packet));
        store16(&packet[at], checksum == 0 && say.protocol == 17 ? uint16_t{0xffff} : checksum);
    }
    return packet;
}

Bytes ethernet(const Bytes& ip_packet) {
    Bytes frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    append16(frame, ip_packet.empty() || ip_packet[0] >> 4 != 6 ? ethertype_v4 : ethertype_v6);
    append(frame, ip_packet);
    return frame;
}

Bytes make_frame(const Say& say) {
    return ethernet(make_ip(say));
}

Bytes with_vlan(const Bytes& frame, uint16_t tag) {
    Bytes out(frame.begin(), frame.begin() + 12);
    append16(out, ethertype_vlan);
    append16(out, tag);
    out.insert(out.end(), frame.begin() + 12, frame.end());
    return out;
}

Bytes make_error(const SayError& say, std::span<const uint8_t> about, size_t quoted) {
    Bytes message{say.type, say.code, 0, 0};
    append16(message, say.rest >> 16);
    append16(message, say.rest);
    const auto quote = about.first(std::min(quoted, about.size()));
    message.insert(message.end(), quote.begin(), quote.end());
    Say outer{{say.from, 0}, {say.to, 0}, static_cast<uint8_t>(say.from.bits() == 32 ? 1 : 58)};
    Bytes packet = ip_header(outer, message.size());
    const size_t at = packet.size() + 2;
    append(packet, message);
    store16(&packet[at], sum(summed(packet)));
    return packet;
}

std::vector<Bytes> split(const Bytes& packet, size_t each, uint32_t id) {
    const bool v4 = packet[0] >> 4 == 4;
    const size_t header = v4 ? (packet[0] & 15U) * 4 : 40;
    std::vector<Bytes> out;
    for (size_t at = header; at < packet.size(); at += each) {
        const size_t bytes = std::min(each, packet.size() - at);
        const bool more = at + bytes < packet.size();
        const auto offset = static_cast<uint32_t>(at - header);
        Bytes piece(packet.begin(), packet.begin() + static_cast<long>(header));
        if (v4) {
            store16(&piece[2], static_cast<uint16_t>(header + bytes));
            store16(&piece[4], static_cast<uint16_t>(id));
            store16(&piece[6], static_cast<uint16_t>(offset / 8 | (more ? 0x2000U : 0)));
            store16(&piece[10], 0);
            store16(&piece[10], sum(piece));
        } else {
            store16(&piece[4], static_cast<uint16_t>(8 + bytes));
            append(piece, {piece[6], 0});
            piece[6] = 44;
            append16(piece, offset | (more ? 1U : 0));
            append16(piece, id >> 16);
            append16(piece, id);
        }
        append(piece, Bytes(packet.begin() + static_cast<long>(at),
                            packet.begin() + static_cast<long>(at + bytes)));
        out.push_back(piece);
    }
    return out;
}

Bytes joined(const std::vector<Bytes>& fragments) {
    Bytes header, data;
    for (const Bytes& fragment : fragments) {
        const bool v4 = fragment[0] >> 4 == 4;
        const size_t start = v4 ? (fragment[0] & 15U) * 4 : 48;
        const size_t offset =
            v4 ? (load16(&fragment[6]) & 0x1fffU) * 8 : load16(&fragment[42]) & ~7U;
        const size_t bytes = fragment.size() - start;
        data.resize(std::max(data.size(), offset + bytes));
        std::copy_n(fragment.begin() + static_cast<long>(start), bytes,
                    data.begin() + static_cast<long>(offset));
        if (offset == 0) {
            header.assign(fragment.begin(), fragment.begin() + static_cast<long>(v4 ? start : 40));
            header[v4 ? 9 : 6] = v4 ? fragment[9] : fragment[40];
        }
    }
    Bytes out = header;
    append(out, data);
    if (out[0] >> 4 == 4) {
        store16(&out[2], static_cast<uint16_t>(out.size()));
        store16(&out[6], 0);
        store16(&out[10], 0);
        store16(&out[10], sum(header = Bytes(out.begin(), out.begin() + (out[0] & 15) * 4)));
    } else {
        store16(&out[4], static_cast<uint16_t>(out.size() - 40));
    }
    return out;
}

std::string wrong_checksum(std::span<const uint8_t> packet) {
    const auto [protocol, header] = upper(packet);
    if (packet[0] >> 4 == 4 &&
        sum(Bytes(packet.begin(), packet.begin() + (packet[0] & 15) * 4)) != 0) {
        return "IPv4 header";
    }
    const size_t at = header + checksum_at(protocol);
    if (at == header || (protocol == 17 && load16(&packet[at]) == 0)) {
        return "";
    }
    return sum(summed(packet)) == 0 ? "" : "transport";
}

std::string text(const Packet& packet) {
    std::string out = packet.source.text();
    const auto port = [&](uint16_t number) {
        return packet.has_ports ? ":" + std::to_string(number) : "";
    };
    out += port(packet.source_port) + " > " + packet.destination.text() +
           port(packet.destination_port);
    if (!packet.tcp() || !packet.has_ports) {
        return out + (packet.udp() ? " udp" : " proto " + std::to_string(packet.protocol));
    }
    out += " tcp ";
    for (const auto& [bit, letter] : {std::pair{flag::S, 'S'},
                                      {flag::F, 'F'},
                                      {flag::R, 'R'},
                                      {flag::P, 'P'},
                                      {flag::A, 'A'}}) {
        if ((packet.tcp_flags & bit) != 0) {
            out += letter;
        }
    }
    return out + " seq " + std::to_string(packet.seq) + " ack " + std::to_string(packet.ack) +
           " len " + std::to_string(packet.payload_bytes);
}

Buffer::Buffer(std::span<const uint8_t> bytes, uint32_t room) : storage_(bytes.size() + 2 * room) {
    std::copy(bytes.begin(), bytes.end(), storage_.begin() + room);
    frame = {storage_.data() + room, static_cast<uint32_t>(bytes.size()), room, room};
}

Packet Buffer::packet() const {
    return *parse_packet(frame.bytes(), ethernet_bytes);
}

Bytes Buffer::ip_packet() const {
    const auto bytes = frame.bytes().subspan(ethernet_bytes, packet().end - ethernet_bytes);
    return {bytes.begin(), bytes.end()};
}

Bytes Random::bytes(size_t count) {
    Bytes out(count);
    for (auto& byte : out) {
        byte = static_cast<uint8_t>(engine_());
    }
    return out;
}

}  // namespace rehome::vipd::testing
