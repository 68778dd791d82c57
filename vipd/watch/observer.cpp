#include "vipd/watch/observer.h"

#include "vipd/path/classify.h"

namespace rehome::vipd {

namespace {

TopEnd source_of(const Packet& packet) {
    return {packet.protocol, {packet.source, packet.source_port}};
}

TopEnd destination_of(const Packet& packet) {
    return {packet.protocol, {packet.destination, packet.destination_port}};
}

}  // namespace

void Observer::before(size_t slot, PortIndex port, std::span<const uint8_t> frame, int64_t time_us,
                      const Tables& tables) {
    if (capture_) {
        capture_->before(slot, port, frame, time_us);
    }
    Sampled& sampled = sampled_[slot];
    sampled.taken = false;
    if (!top_ || !top_->due()) {
        return;
    }
    sampled.what = classify(frame, port, tables);
    sampled.bytes = static_cast<uint32_t>(frame.size());
    sampled.taken = sampled.what.kind != Classified::Kind::bad;
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

void Observer::lost(PortIndex port, std::span<const uint8_t> frame, Drop why, int64_t time_us) {
    if (capture_) {
        capture_->lost(port, frame, why, time_us);
    }
}

// A packet to a VIP is its client's, also when it is dropped; one from a VIP is a reply, which has
// its VIP when it leaves.  The server is where the one goes to and the other comes from.
void Observer::count(const Sampled& in, const Fate& fate, std::span<const uint8_t> frame,
                     const Tables& tables) {
    const Packet& packet = in.what.packet;
    const bool forwarded = fate.kind == Fate::Kind::forward;
    switch (in.what.kind) {
        case Classified::Kind::client:
        case Classified::Kind::peer_client:
            top_->add_client(packet.source, in.bytes);
            top_->add_vip(destination_of(packet), in.bytes);
            if (forwarded) {
                const Link link = link_of(frame);
                const auto out = parse_packet(frame, link);
                if (out && tables.role(fate.port, link.vlan) == PortRole::servers) {
                    top_->add_server(destination_of(*out), in.bytes);
                }
            }
            break;
        case Classified::Kind::peer_reply:
            top_->add_client(packet.destination, in.bytes);
            top_->add_vip(source_of(packet), in.bytes);
            break;
        case Classified::Kind::server:
            if (const auto reply = forwarded ? innermost_packet(frame) : std::nullopt;
                reply && tables.is_moved(reply->source)) {
                top_->add_client(reply->destination, in.bytes);
                top_->add_vip(source_of(*reply), in.bytes);
                top_->add_server(source_of(packet), in.bytes);
            }
            break;
        default:
            break;
    }
}

}  // namespace rehome::vipd
