#include "vipd/path/owner.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/icmp.h"
#include "vipd/packet/rss.h"
#include "vipd/path/classify.h"
#include "vipd/path/tunnel_error.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t tcp = static_cast<uint8_t>(Protocol::tcp);
constexpr uint8_t udp = static_cast<uint8_t>(Protocol::udp);

uint32_t host_order(const uint8_t* address) {
    return load32(address);
}

}  // namespace

Ownership::Ownership(uint32_t worker, uint32_t workers, size_t ports,
                     const Fragments::Limits& fragments, uint64_t hash_key)
    : worker_(worker), workers_(workers), plain_(ports), fragments_(fragments, hash_key) {
    for (uint32_t i = 0; i < rss_entries; ++i) {
        indirection_[i] = static_cast<uint8_t>(rss_queue(i, workers));
    }
}

void Ownership::set_tables(std::shared_ptr<const Tables> tables) {
    tables_ = std::move(tables);
    maps_ = !tables_->maps().empty();
    pools_ = !tables_->pools().empty();
    for (size_t i = 0; i < plain_.size(); ++i) {
        const PortRole role = tables_->role(static_cast<PortIndex>(i), 0);
        plain_[i] = {role == PortRole::line || role == PortRole::servers,
                     role == PortRole::line ? From::client : From::server};
    }
}

uint32_t Ownership::owner(const Endpoint& client) const {
    return indirection_[rss_hash(client) % rss_entries];
}

uint32_t Ownership::owner(const Endpoint& client, From from) const {
    const bool translated =
        pools_ && from == From::server && tables_->pool_address(client.address).has_value();
    return translated ? client.port % workers_ : owner(client);
}

// TCP and UDP that is untagged, whole and without options or extension headers: most packets.  Not
// asked is whether it is for a VIP: the owner sees that as well.
std::optional<uint32_t> Ownership::plain_owner(const Frame& frame, PlainPort port) const {
    const uint8_t* ip = frame.data + ethernet_bytes;
    const bool client = port.from == From::client;
    const uint16_t type = load16(frame.data + 12);
    if (type == ethertype_v4 && ip[0] == 0x45 && (load16(ip + 6) & 0x3fff) == 0 &&
        (ip[9] == tcp || ip[9] == udp)) {
        const uint8_t* source = ip + 12;
        const uint8_t* destination = ip + 16;
        if (maps_ && (client ? tables_->map_of_vip(host_order(destination))
                             : tables_->map_of_server(host_order(source))) != nullptr) {
            return worker_;
        }
        const uint8_t* port_at = client ? ip + 20 : ip + 22;
        if (pools_ && !client && tables_->pool_address(host_order(destination))) {
            return load16(port_at) % workers_;
        }
        const uint32_t hash =
            rss_hash(std::span<const uint8_t, 4>(client ? source : destination, 4),
                     std::span<const uint8_t, 2>(port_at, 2));
        return indirection_[hash % rss_entries];
    }
    constexpr uint32_t v6_ports = ethernet_bytes + 40;
    if (type == ethertype_v6 && frame.length >= v6_ports + 4 && ip[0] >> 4 == 6 &&
        (ip[6] == tcp || ip[6] == udp) && !maps_ && !pools_) {
        const uint8_t* port_at = ip + (client ? 40 : 42);
        const uint32_t hash = rss_hash(std::span<const uint8_t, 16>(client ? ip + 8 : ip + 24, 16),
                                       std::span<const uint8_t, 2>(port_at, 2));
        return indirection_[hash % rss_entries];
    }
    return std::nullopt;
}

Ownership::Next Ownership::next(const Frame& frame, PortIndex port, Micros now) {
    constexpr uint32_t shortest = ethernet_bytes + 24;
    if (plain_[port].plain && frame.length >= shortest) [[likely]] {
        if (const auto owner = plain_owner(frame, plain_[port])) [[likely]] {
            return {Next::To::owner, *owner, Drop::count_, false};
        }
    }
    return slow(frame, port, now);
}

Ownership::Next Ownership::slow(const Frame& frame, PortIndex port, Micros now) {
    Classified what = classify(frame.bytes(), port, *tables_);
    if (what.from_tunnel() && what.packet.fragment && !believes_(what)) {
        return here();
    }
    switch (what.kind) {
        case Classified::Kind::client:
        case Classified::Kind::peer_client:
            return settle(frame, what.packet, From::client, port, now);
        case Classified::Kind::server:
        case Classified::Kind::peer_reply:
            return settle(frame, what.packet, From::server, port, now);
        case Classified::Kind::control:
            return what.gue.control == Gue::Control::keepalive
                       ? Next{Next::To::all, worker_, Drop::count_, false}
                       : Next{Next::To::owner, 0, Drop::count_, false};
        case Classified::Kind::tunnel_error:
            return of_tunnel_error(frame, what.packet);
        case Classified::Kind::kernel:
        case Classified::Kind::bad:
            break;
    }
    return here();
}

// Whose packet it quotes inside; about what gateways say themselves, who says it.
Ownership::Next Ownership::of_tunnel_error(const Frame& frame, const Packet& packet) const {
    const auto about = quoted_tunnel(frame, packet, *tables_);
    const auto client = about ? about->client() : std::nullopt;
    if (client) {
        return {Next::To::owner, owner(*client), Drop::count_, false};
    }
    return about && about->control() ? Next{Next::To::owner, 0, Drop::count_, false} : here();
}

// The owner of a packet; of a fragment, its desk until that knows.
Ownership::Next Ownership::settle(const Frame& frame, Packet& packet, From from, PortIndex port,
                                  Micros now) {
    if (!packet.fragment || mapped(packet, from)) {
        return {Next::To::owner, owner(frame, packet, from), Drop::count_, false};
    }
    if (const uint32_t at = desk(packet); at != worker_) {
        return {Next::To::desk, at, Drop::count_, false};
    }
    const auto lost = told();
    if (!packet.later_fragment()) {
        if (!fragments_.learn(packet, now, lost)) {
            return {Next::To::drop, worker_, Drop::bad_fragment, false};
        }
        first_ = fragment_key(packet);
        return {Next::To::owner, owner(frame, packet, from), Drop::count_, true};
    }
    if (const auto* known = fragments_.find(packet)) {
        packet.protocol = known->protocol;
        packet.source_port = known->source_port;
        packet.destination_port = known->destination_port;
        return {Next::To::owner, owner(frame, packet, from), Drop::count_, false};
    }
    return fragments_.hold(packet, frame.bytes(), port, now, lost)
               ? Next{Next::To::held, worker_, Drop::count_, false}
               : Next{Next::To::drop, worker_, Drop::fragments_full, false};
}

void Ownership::release(Micros now, const Deliver& deliver) {
    fragments_.release(first_, [&](std::span<uint8_t> bytes, uint32_t tag) {
        const auto port = static_cast<PortIndex>(tag);
        const Frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0};
        deliver(bytes, port, next(frame, port, now).worker);
    });
}

Fragments::Lost Ownership::told() const {
    return [this](std::span<const uint8_t> frame, uint32_t port, Drop why) {
        lost_(frame, static_cast<PortIndex>(port), why);
    };
}

void Ownership::expire(Micros now) {
    fragments_.expire(now, told());
}

bool Ownership::mapped(const Packet& packet, From from) const {
    return from == From::client ? tables_->map_of_vip(packet.destination) != nullptr
                                : tables_->map_of_server(packet.source) != nullptr;
}

uint32_t Ownership::owner(const Frame& frame, const Packet& packet, From from) const {
    const bool client = from == From::client;
    if (mapped(packet, from)) {
        return packet.fragment ? desk(packet) : worker_;
    }
    if (packet.tcp() || packet.udp()) {
        return owner(client ? Endpoint{packet.source, packet.source_port}
                            : Endpoint{packet.destination, packet.destination_port},
                     from);
    }
    const auto quote = packet.icmp() ? quoted_packet(frame, packet) : std::nullopt;
    if (!quote || !quote->has_ports) {
        return worker_;
    }
    // What it quotes went the other way.
    return owner(client ? quote->destination : quote->source, from);
}

uint32_t Ownership::desk(const Packet& packet) const {
    std::array<uint8_t, 4> id;
    store32(id.data(), packet.fragment_id);
    const auto source = packet.source.data();
    const uint32_t hash = toeplitz(source) ^ toeplitz(packet.destination.data(), source.size()) ^
                          toeplitz(id, 2 * source.size());
    return indirection_[hash % rss_entries];
}

}  // namespace rehome::vipd
