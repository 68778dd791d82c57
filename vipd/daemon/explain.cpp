// vipctl explain: a client and its VIPs, asked of the workers with what is known beside them.
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/daemon/flows.h"
#include "vipd/watch/explain_client.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

constexpr size_t flows_most = 8;  // that are told

}  // namespace

Result<json> Daemon::explain(const json& request) {
    const std::string client = request["client"];
    const auto wanted = wanted_by(tables(), client, request.value("vip", ""));
    if (!wanted) {
        return tl::unexpected(wanted.error());
    }
    const Forwarding& known = kernel_->forwarding();
    const auto ask = [this](TextPacket packet, const WayIn& way) -> Result<BothWays> {
        packet.vlan = way.vlan;
        BothWays ways;
        const auto owner = owner_of(frame_of(packet), way.port);
        const auto asked = owner ? (*owner)->ask([&](Datapath& path) {
            ways = why_both(path, config(), packet, way, monotonic_us());
        })
                                 : tl::unexpected(owner.error());
        return asked ? Result<BothWays>(std::move(ways)) : tl::unexpected(asked.error());
    };
    const Live live{*state_.snapshot(), *known.routes, *known.neighbours,          config_path_,
                    held_trouble_,      ask,           state_.access_rules().get()};
    json vips = json::array();
    for (const Wanted& each : *wanted) {
        auto explained = explain_client(live, each);
        if (!explained) {
            return tl::unexpected(explained.error());
        }
        vips.push_back(std::move(*explained));
    }
    const auto flows =
        list_flows({{"client", client}, {"limit", flows_most}}, workers_, config(), tables());
    if (!flows) {
        return tl::unexpected(flows.error());
    }
    return json{{"at", iso8601(now_us())}, {"gateway", config().gateway}, {"site", config().site},
                {"client", client},        {"flows", flows->at("flows")}, {"vips", vips}};
}

}  // namespace rehome::vipd
