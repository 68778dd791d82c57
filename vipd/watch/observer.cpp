#include "vipd/watch/observer.h"

#include "vipd/packet/gue.h"

namespace rehome::vipd {

namespace {

TopEnd source_of(const Packet& packet) {
    return {packet.protocol, {packet.source, packet.source_port}};
}

TopEnd destination_of(const Packet& packet) {
    return {packet.protocol, {packet.destination, packet.destination_port}};
}

// What a peer's GUE carries; nothing for a keepalive or what cannot be.
std::optional<Packet> carried(std::span<const uint8_t> frame, const Packet& outer) {
    const auto gue = decode_gue(frame.subspan(outer.l4 + 8, outer.end - outer.l4 - 8));
    if (!gue || gue->kind == Gue::Kind::keepalive) {
        return std::nullopt;
    }
    const auto inner = parse_packet(frame.first(outer.end), outer.l4 + 8 + gue->header_bytes);
    return inner ? std::optional(*inner) : std::nullopt;
}

}  // namespace

void Observer::before(size_t slot, PortIndex port, std::span<const uint8_t> frame,
                      int64_t time_us) {
    if (capture_) {
        capture_->before(slot, port, frame, time_us);
    }
    Sampled& sampled = sampled_[slot];
    sampled.taken = false;
    if (!top_ || !top_->due()) {
        return;
    }
    const Link link = link_of(frame);
    const auto packet = parse_packet(frame, link);
    if (!packet) {
        return;
    }
    sampled = {true, port, link.vlan, static_cast<uint32_t>(frame.size()), *packet, false};
    if (packet->udp() && packet->has_ports && packet->destination_port == gue_port) {
        if (const auto inner = carried(frame, *packet)) {
            sampled.packet = *inner;
            sampled.tunnelled = true;
        }
    }
}

void Observer::after(size_t slot, const Fate& fate, std::span<const uint8_t> frame,
                     const Tables& tables) {
    if (capture_) {
        capture_->after(slot, fate);
    }
    if (sampled_[slot].taken) {
        sampled_[slot].taken = false;
        count(sampled_[slot], fate, frame, tables);
    }
}

void Observer::sent(PortIndex port, std::span<const uint8_t> frame, int64_t time_us) {
    if (capture_) {
        capture_->sent(port, frame, time_us);
    }
}

// A packet to a VIP is its client's, also when it is dropped; one from a VIP is a reply, which has
// its VIP when it leaves.  The server is where the one goes to and the other comes from.
void Observer::count(const Sampled& in, const Fate& fate, std::span<const uint8_t> frame,
                     const Tables& tables) {
    const bool forwarded = fate.way == Fate::Way::forward;
    if (tables.is_moved(in.packet.destination)) {
        top_->add_client(in.packet.source, in.bytes);
        top_->add_vip(destination_of(in.packet), in.bytes);
        const Link link = link_of(frame);
        const auto out = parse_packet(frame, link);
        if (forwarded && out && tables.role(fate.port, link.vlan) == PortRole::servers) {
            top_->add_server(destination_of(*out), in.bytes);
        }
        return;
    }
    if (in.tunnelled && tables.is_moved(in.packet.source)) {
        top_->add_client(in.packet.destination, in.bytes);
        top_->add_vip(source_of(in.packet), in.bytes);
        return;
    }
    if (!forwarded || tables.role(in.port, in.vlan) != PortRole::servers) {
        return;
    }
    const auto out = parse_packet(frame, link_of(frame));
    const auto reply = out && out->udp() && out->has_ports && out->destination_port == gue_port
                           ? carried(frame, *out)
                       : out ? std::optional(*out)
                             : std::nullopt;
    if (reply && tables.is_moved(reply->source)) {
        top_->add_client(reply->destination, in.bytes);
        top_->add_vip(source_of(*reply), in.bytes);
        top_->add_server(source_of(in.packet), in.bytes);
    }
}

}  // namespace rehome::vipd
