#include "vipd/watch/why.h"

#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "vipd/packet/bytes.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr uint32_t room = 256;  // before and behind the frame: for a tunnel's headers

// The packet of a frame as text.
std::string text_of(std::span<const uint8_t> frame) {
    const Link link = link_of(frame);
    auto ip = frame.subspan(std::min<size_t>(link.header_bytes, frame.size()));
    const bool v6 = link.ethertype == ethertype_v6;
    if (ip.size() >= 6) {  // without what pads the frame
        const size_t said = v6 ? size_t{40} + load16(&ip[4]) : load16(&ip[2]);
        ip = ip.first(std::min(said, ip.size()));
    }
    return packet_text(ip, link.vlan == 0 ? std::nullopt : std::optional(link.vlan));
}

std::string mac_text(const uint8_t* mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

json way_out(const Adjacency& adjacency, const Config& config) {
    json out{{"port", config.ports[adjacency.hop.port].name},
             {"next_hop", adjacency.hop.address.text()}};
    out["link_address"] = adjacency.usable ? json(mac_text(adjacency.macs.data())) : json();
    out["failed"] = adjacency.failed;
    return out;
}

// What is said of a packet that is on its way: while nobody knows the next hop's link address, no
// word that it leaves.
void tell_way(json& answer, const Explained& explained, const Config& config,
              std::span<const uint8_t> frame) {
    switch (explained.verdict.kind) {
        case Verdict::Kind::forward:
            answer["way"] = explained.out.usable ? "forward" : "wait";
            answer["out"] = way_out(explained.out, config);
            answer["packets"].push_back(text_of(frame));
            break;
        case Verdict::Kind::wait:
            answer["way"] = "wait";
            answer["out"] = way_out(explained.out, config);
            break;
        case Verdict::Kind::kept:
            answer["way"] = "wait";
            break;
        case Verdict::Kind::punt:
        case Verdict::Kind::check:
            answer["way"] = "punt";
            break;
        case Verdict::Kind::consumed:
            answer["way"] = "consumed";
            break;
        case Verdict::Kind::drop: {
            const auto& name = drop_names[static_cast<size_t>(explained.verdict.drop)];
            answer["way"] = "drop";
            answer["drop"] = {{"reason", name.name}, {"meaning", name.meaning}};
        }
    }
}

// One packet on its way, and what is told of it.
class Telling {
public:
    Telling(const Config& config, TextPacket packet, const WayIn& way)
        : config_(config), packet_(std::move(packet)), port_(way.port) {
        packet_.vlan = way.vlan;
        const auto bytes = frame_of(packet_);
        storage_.resize(bytes.size() + size_t{2} * room);
        std::copy(bytes.begin(), bytes.end(), storage_.begin() + room);
        if (way.from) {
            std::copy(way.from->begin(), way.from->end(), storage_.begin() + room + 6);
        }
        run = {Frame{storage_.data() + room, static_cast<uint32_t>(bytes.size()), room, room},
               way.port};
    }
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;

    json told(const Explained& explained) {
        json answer{
            {"schema", "rehome/vipd-why/1"},     {"packet", packet_text(packet_.ip, packet_.vlan)},
            {"port", config_.ports[port_].name}, {"steps", steps_},
            {"packets", json::array()},          {"emitted", json::array()}};
        tell_way(answer, explained, config_, run.frame.bytes());
        for (const auto& [ip_packet, adjacency] : explained.emitted) {
            json sent = way_out(adjacency, config_);
            sent["packet"] = packet_text(ip_packet);
            answer["emitted"].push_back(std::move(sent));
        }
        return answer;
    }

    Rehearsed run;
    Trace trace{[this](std::string_view stage, std::string text) {
        steps_.push_back({{"stage", stage}, {"text", std::move(text)}});
    }};

private:
    const Config& config_;
    TextPacket packet_;
    PortIndex port_;
    std::vector<uint8_t> storage_;
    json steps_ = json::array();
};

// What a server says to the packet that leaves for it; nothing: it does not leave for one.
std::optional<TextPacket> reply_to(const Explained& explained, std::span<const uint8_t> frame,
                                   const Config& config) {
    const auto& hop = explained.out.hop;
    const bool to_peer =
        config.tunnel && hop.port == config.tunnel->port && hop.vlan == config.tunnel->vlan;
    if (explained.verdict.kind != Verdict::Kind::forward || to_peer) {
        return std::nullopt;
    }
    const Link link = link_of(frame);
    const auto packet = parse_packet(frame, link.header_bytes);
    if (!packet || !(packet->tcp() || packet->udp()) || !packet->has_ports) {
        return std::nullopt;  // direct return: the server answers by itself
    }
    const auto text = fmt::format("{} {} > {} {}", packet->tcp() ? "tcp" : "udp",
                                  Endpoint{packet->destination, packet->destination_port}.text(),
                                  Endpoint{packet->source, packet->source_port}.text(),
                                  packet->tcp() ? "syn ack" : "len 1");
    const auto reply = parse_packet_text(text);
    return reply ? std::optional(*reply) : std::nullopt;
}

}  // namespace

json why_offline(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
                 Micros now) {
    Telling telling(config, packet, way);
    Explained explained;
    Sink sink;
    sink.emit = [&](std::span<const uint8_t> ip, uint32_t adjacency) {
        explained.emitted.push_back({{ip.begin(), ip.end()}, path.adjacencies()[adjacency]});
    };
    path.set_sink(sink);
    path.trace(&telling.trace);
    explained.verdict = path.handle(telling.run.frame, way.port, now);
    path.trace(nullptr);
    path.set_sink({});
    const Verdict::Kind kind = explained.verdict.kind;
    if (kind == Verdict::Kind::forward || kind == Verdict::Kind::wait) {
        explained.out = path.adjacencies()[explained.verdict.adjacency];
    }
    return telling.told(explained);
}

json why_live(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
              Micros now) {
    Telling telling(config, packet, way);
    return telling.told(path.explain(telling.run.frame, way.port, now, telling.trace));
}

BothWays why_both(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
                  Micros now) {
    Telling telling(config, packet, way);
    std::optional<Telling> back;
    Trace back_trace;
    const auto answer = [&](const Explained& first) -> Rehearsed* {
        const auto reply = reply_to(first, telling.run.frame.bytes(), config);
        if (!reply) {
            return nullptr;
        }
        const Hop& hop = first.out.hop;
        back.emplace(config, *reply,
                     WayIn{hop.port, hop.vlan == 0 ? std::nullopt : std::optional(hop.vlan)});
        back_trace = back->trace;
        return &back->run;
    };
    const auto both = path.explain_both(telling.run, now, telling.trace, answer, back_trace);
    return {telling.told(both.first),
            both.answer ? std::optional(back->told(*both.answer)) : std::nullopt};
}

}  // namespace rehome::vipd
