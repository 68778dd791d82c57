// See packets.h.
#include "probe/report/packets.h"

#include <algorithm>
#include <array>

#include "probe/core/stamp.h"
#include "probe/core/tcp_flow.h"

namespace rehome::probe {

namespace {

constexpr size_t largest = 65'575;
constexpr size_t udp_header = 8;
constexpr uint8_t usual_ttl = 64;

std::vector<uint16_t> ports_of(const PathRecord& path) {
    return path.source_ports.empty() ? std::vector<uint16_t>{0} : path.source_ports;
}

// Of its probes' IP packets, which are all alike; 0, the kind's own, where none of it can be so
// short.
size_t size_of(const Plan& plan, const PathRecord& path) {
    const size_t size = path.probes.empty() ? 0 : path.probes.front().sample.size;
    const Family family = path.path.target.address.family;
    const bool can_be =
        path.path.kind != Kind::tcp && size >= least_size(path.path.kind, family, plan.key);
    return can_be ? size : 0;
}

void put_address(Room room, size_t at, const Address& address) {
    const size_t size = address.family == Family::v6 ? 16 : 4;
    std::copy_n(address.bytes.begin(), size, room.begin() + static_cast<ptrdiff_t>(at));
}

void put_ipv4(Room header, uint8_t dscp, uint8_t ttl, size_t total, Protocol protocol) {
    header[0] = 0x45;
    header[1] = static_cast<uint8_t>(dscp << 2);
    put(header, 2, static_cast<uint16_t>(total));
    header[8] = ttl;
    header[9] = static_cast<uint8_t>(protocol);
}

void put_ipv6(Room header, uint8_t dscp, uint8_t ttl, size_t total, Protocol protocol) {
    put(header, 0, 6U << 28 | static_cast<uint32_t>(dscp) << 22);
    put(header, 4, static_cast<uint16_t>(total - header.size()));
    header[6] = static_cast<uint8_t>(protocol);
    header[7] = ttl;
}

// Where the checksum stands in a message.
size_t checksum_at(Protocol protocol) {
    return protocol == Protocol::tcp ? 16 : protocol == Protocol::udp ? 6 : 2;
}

void put_checksum(Room message, Protocol protocol, const Address& from, const Address& to) {
    const size_t at = checksum_at(protocol);
    put(message, at, uint16_t{0});
    const uint16_t pseudo = protocol == Protocol::icmp
                                ? uint16_t{0}
                                : pseudo_header_sum(from, to, protocol, message.size());
    const auto sum = static_cast<uint16_t>(~ones_sum(message, pseudo));
    put(message, at, sum == 0 && protocol == Protocol::udp ? uint16_t{0xffff} : sum);
}

void swap_ports(Room message) {
    std::swap_ranges(message.begin(), message.begin() + 2, message.begin() + 2);
}

// The flags, and the number that a SYN's answer acknowledges; a bare ACK's is that of an earlier
// one.
size_t answer_tcp(Room message, const Sample& sample) {
    constexpr uint8_t syn_ack = 0x12;
    constexpr uint8_t reset_ack = 0x14;
    constexpr uint8_t ack = 0x10;
    const uint32_t acknowledged = sample.half_open ? 0 : get<uint32_t>(message, 4) + 1;
    swap_ports(message);
    std::fill(message.begin() + 4, message.end(), uint8_t{0});
    put(message, 8, acknowledged);
    message[12] = reset_size / 4 << 4;
    message[13] = sample.half_open ? ack : sample.refused ? reset_ack : syn_ack;
    return reset_size;
}

// The sender's number, and its number, time and error estimate again where a reflector repeats
// them.
size_t answer_stamp(Room message) {
    swap_ports(message);
    const Room stamp = message.subspan(udp_header);
    if (stamp.size() >= stamp_size) {
        std::array<uint8_t, 14> request{};
        std::copy_n(stamp.begin(), request.size(), request.begin());
        std::fill(stamp.begin() + 4, stamp.end(), uint8_t{0});
        std::copy(request.begin(), request.end(), stamp.begin() + 24);
    }
    return message.size();
}

}  // namespace

Packets::Packets(const Plan& plan, const PathRecord& path)
    : path_(&path),
      source_(plan.binding_for(path.path.target.address.family).value_or(Binding{}).source),
      protocol_(protocol_of(path.path.kind, path.path.target.address.family)),
      header_(path.path.target.address.family == Family::v6 ? 40 : 20),
      flow_(make_flow({.kind = path.path.kind,
                       .source = source_,
                       .target = path.path.target,
                       .ports = ports_of(path),
                       .secret = path.secret,
                       .size = size_of(plan, path)})),
      sealed_(plan.authenticated && path.path.kind == Kind::udp),
      room_(largest) {}

// The message behind the IP header; returns its size.
size_t Packets::construct(const ProbeRow& row) {
    const Room message = Room(room_).subspan(header_);
    if (protocol_ != Protocol::udp) {
        return flow_->construct(row.index, row.sample.sent, message);
    }
    const size_t inside =
        sealed_ ? 0 : flow_->construct(row.index, row.sample.sent, message.subspan(udp_header));
    const size_t size = udp_header + inside;
    put(message, 0, ports_of(*path_).front());
    put(message, 2, path_->path.target.port);
    put(message, 4, static_cast<uint16_t>(size));
    return size;
}

size_t Packets::construct_answer(const ProbeRow& row, size_t size) {
    const Room message = Room(room_).subspan(header_, size);
    if (protocol_ == Protocol::tcp) {
        return answer_tcp(message, row.sample);
    }
    if (protocol_ == Protocol::udp) {
        return answer_stamp(message);
    }
    message[0] = protocol_ == Protocol::icmp6 ? 129 : 0;
    return size;
}

ByteView Packets::finish(const Address& from, const Address& to, uint8_t ttl, size_t size,
                         size_t total) {
    put_checksum(Room(room_).subspan(header_, size), protocol_, from, to);
    const Room header = Room(room_).first(header_);
    std::fill(header.begin(), header.end(), uint8_t{0});
    if (header_ == 20) {
        put_ipv4(header, path_->dscp, ttl, total, protocol_);
        put_address(header, 12, from);
        put_address(header, 16, to);
        put(header, 10, static_cast<uint16_t>(~ones_sum(header)));
    } else {
        put_ipv6(header, path_->dscp, ttl, total, protocol_);
        put_address(header, 8, from);
        put_address(header, 24, to);
    }
    return ByteView(room_).first(header_ + size);
}

ByteView Packets::probe(const ProbeRow& row) {
    const size_t size = construct(row);
    const size_t total = std::max<size_t>(row.sample.size, header_ + size);
    return finish(source_, path_->path.target.address, usual_ttl, size, total);
}

ByteView Packets::answer(const ProbeRow& row) {
    const size_t size = construct_answer(row, construct(row));
    return finish(path_->path.target.address, source_, row.sample.ttl, size, header_ + size);
}

}  // namespace rehome::probe
