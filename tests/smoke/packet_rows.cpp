// The rows of tests/data/packets as bytes, for tests that run them through the real binary.
//
//     packet-rows FILE
//
// prints one JSON object: {"core": true | false, "config": PATCH, "rows": [{"row": DESCRIPTION,
// "steps": [{"line": N, "in": {"place": PLACE, "vlan": ID | null, "ip": HEX}, "out": [as "in",
// ...], "drops": [REASON, ...], "punt": true | false}, ...]}, ...]}.
#include <fmt/format.h>

#include <iostream>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/packet_rows.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

json to_json(const PlacedPacket& placed) {
    std::string hex;
    for (const uint8_t byte : placed.packet.ip) {
        hex += fmt::format("{:02x}", byte);
    }
    const auto& vlan = placed.packet.vlan;
    return {{"place", placed.place}, {"vlan", vlan ? json(*vlan) : json()}, {"ip", hex}};
}

json to_json(const PacketRow& row) {
    json steps = json::array();
    for (const auto& step : row.steps) {
        json out = json::array();
        for (const auto& placed : step.out) {
            out.push_back(to_json(placed));
        }
        json drops = json::array();
        for (const Drop drop : step.drops) {
            drops.push_back(name(drop));
        }
        steps.push_back({{"line", step.line},
                         {"in", to_json(step.in)},
                         {"out", out},
                         {"drops", drops},
                         {"punt", step.punt}});
    }
    return {{"row", row.description}, {"steps", steps}};
}

}  // namespace

}  // namespace rehome::vipd::testing

int main(int argc, char** argv) try {
    using namespace rehome::vipd::testing;
    if (argc != 2) {
        std::cerr << "packet-rows FILE\n";
        return 2;
    }
    const auto rows = read_packet_rows(argv[1]);
    if (!rows) {
        std::cerr << rows.error().text() << "\n";
        return 2;
    }
    json all = json::array();
    for (const auto& row : rows->rows) {
        all.push_back(to_json(row));
    }
    std::cout << json{{"core", rows->core}, {"config", json::parse(rows->config)}, {"rows", all}}
              << "\n";
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
