#include "vipd/watch/why.h"

#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "vipd/packet/bytes.h"

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

json describe(const Config& config, TextPacket packet, const WayIn& way,
              const std::function<Explained(Frame&, Trace&)>& run) {
    packet.vlan = way.vlan;
    const auto bytes = frame_of(packet);
    std::vector<uint8_t> storage(bytes.size() + size_t{2} * room);
    std::copy(bytes.begin(), bytes.end(), storage.begin() + room);
    if (way.from) {
        std::copy(way.from->begin(), way.from->end(), storage.begin() + room + 6);
    }
    Frame frame{storage.data() + room, static_cast<uint32_t>(bytes.size()), room, room};
    json steps = json::array();
    Trace trace{[&](std::string_view stage, std::string text) {
        steps.push_back({{"stage", stage}, {"text", std::move(text)}});
    }};
    const Explained explained = run(frame, trace);
    json answer{{"schema", "rehome/vipd-why/1"},
                {"packet", packet_text(packet.ip, packet.vlan)},
                {"port", config.ports[way.port].name},
                {"steps", steps},
                {"packets", json::array()},
                {"emitted", json::array()}};
    tell_way(answer, explained, config, frame.bytes());
    for (const auto& [ip_packet, adjacency] : explained.emitted) {
        json sent = way_out(adjacency, config);
        sent["packet"] = packet_text(ip_packet);
        answer["emitted"].push_back(std::move(sent));
    }
    return answer;
}

}  // namespace

json why_offline(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
                 Micros now) {
    return describe(config, packet, way, [&](Frame& frame, Trace& trace) {
        Explained explained;
        Sink sink;
        sink.emit = [&](std::span<const uint8_t> ip, uint32_t adjacency) {
            explained.emitted.push_back({{ip.begin(), ip.end()}, path.adjacencies()[adjacency]});
        };
        path.set_sink(sink);
        path.trace(&trace);
        explained.verdict = path.handle(frame, way.port, now);
        path.trace(nullptr);
        path.set_sink({});
        const Verdict::Kind kind = explained.verdict.kind;
        if (kind == Verdict::Kind::forward || kind == Verdict::Kind::wait) {
            explained.out = path.adjacencies()[explained.verdict.adjacency];
        }
        return explained;
    });
}

json why_live(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
              Micros now) {
    return describe(config, packet, way, [&](Frame& frame, Trace& trace) {
        return path.explain(frame, way.port, now, trace);
    });
}

}  // namespace rehome::vipd
