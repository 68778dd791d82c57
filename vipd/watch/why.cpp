#include "vipd/watch/why.h"

#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "vipd/packet/bytes.h"
#include "vipd/path/classify.h"

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
    return out;
}

json describe(const Config& config, const TextPacket& packet, PortIndex port,
              const std::function<Explained(Frame&, Trace&)>& run) {
    const auto bytes = frame_of(packet);
    std::vector<uint8_t> storage(bytes.size() + size_t{2} * room);
    std::copy(bytes.begin(), bytes.end(), storage.begin() + room);
    Frame frame{storage.data() + room, static_cast<uint32_t>(bytes.size()), room, room};
    json steps = json::array();
    Trace trace{[&](std::string_view stage, std::string text) {
        steps.push_back({{"stage", stage}, {"text", std::move(text)}});
    }};
    const auto [verdict, out, emitted] = run(frame, trace);
    json answer{{"schema", "rehome/vipd-why/1"},
                {"packet", packet_text(packet.ip, packet.vlan)},
                {"port", config.ports[port].name},
                {"steps", steps},
                {"packets", json::array()}};
    switch (verdict.kind) {
        case Verdict::Kind::forward:
            answer["way"] = "forward";
            answer["out"] = way_out(out, config);
            answer["packets"].push_back(text_of(frame.bytes()));
            break;
        case Verdict::Kind::punt:
            answer["way"] = "punt";
            break;
        case Verdict::Kind::consumed:
            answer["way"] = "consumed";
            break;
        case Verdict::Kind::drop: {
            const auto& name = drop_names[static_cast<size_t>(verdict.drop)];
            answer["way"] = "drop";
            answer["drop"] = {{"reason", name.name}, {"meaning", name.meaning}};
        }
    }
    answer["emitted"] = json::array();
    for (const auto& [ip_packet, adjacency] : emitted) {
        json sent = way_out(adjacency, config);
        sent["packet"] = packet_text(ip_packet);
        answer["emitted"].push_back(std::move(sent));
    }
    return answer;
}

}  // namespace

// The first port, lines before the link before the servers', where it is more than the kernel's.
PortIndex likely_port(const Config& config, const Tables& tables, const TextPacket& packet) {
    const auto frame = frame_of(packet);
    for (const PortRole role : {PortRole::line, PortRole::link, PortRole::servers}) {
        for (size_t i = 0; i < config.ports.size(); ++i) {
            const auto port = static_cast<PortIndex>(i);
            const auto what = classify(frame, port, tables);
            if (what.role == role && what.kind != Classified::Kind::kernel) {
                return port;
            }
        }
    }
    return static_cast<PortIndex>(config.lines.empty() ? 0 : config.lines[0].port);
}

Result<PortIndex> port_for(const Config& config, const Tables& tables, const std::string& name,
                           const TextPacket& packet) {
    std::string names;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        if (config.ports[i].name == name) {
            return static_cast<PortIndex>(i);
        }
        names += (i == 0 ? "" : ", ") + config.ports[i].name;
    }
    if (name.empty()) {
        return likely_port(config, tables, packet);
    }
    return fail(Exit::usage, "",
                fmt::format("{} is no port, expected one of {}", in_quotes(name), names));
}

json why_offline(Datapath& path, const Config& config, const TextPacket& packet, PortIndex port,
                 Micros now) {
    return describe(config, packet, port, [&](Frame& frame, Trace& trace) {
        Explained explained;
        Sink sink;
        sink.emit = [&](std::span<const uint8_t> ip, uint32_t adjacency) {
            explained.emitted.push_back({{ip.begin(), ip.end()}, path.adjacencies()[adjacency]});
        };
        path.set_sink(sink);
        path.trace(&trace);
        explained.verdict = path.handle(frame, port, now);
        path.trace(nullptr);
        path.set_sink({});
        if (explained.verdict.kind == Verdict::Kind::forward) {
            explained.out = path.adjacencies()[explained.verdict.adjacency];
        }
        return explained;
    });
}

json why_live(Datapath& path, const Config& config, const TextPacket& packet, PortIndex port,
              Micros now) {
    return describe(config, packet, port, [&](Frame& frame, Trace& trace) {
        return path.explain(frame, port, now, trace);
    });
}

}  // namespace rehome::vipd
