// What vipctl can ask of a running vipd; requests and results are described in vipctl(8).
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/watch/origins.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

double rounded(double value) {
    return static_cast<double>(static_cast<int64_t>(value * 10)) / 10;
}

}  // namespace

void Daemon::command(const json& request, const Reply& reply) {
    const std::string name = request.value("command", "");
    if (name == "share" || name == "line" || name == "relogin" || name == "reload" ||
        name == "confirm") {
        order(name, request, reply);  // answers when it is in force
        return;
    }
    const auto result = name == "status"    ? status()
                        : name == "stats"   ? stats()
                        : name == "origins" ? Result<json>(origins())
                        : name == "config"  ? Result<json>(to_json(state_.config_in_force()))
                                            : see(name, request);
    if (result) {
        reply.done(*result);
    } else {
        reply.refuse(result.error().text());
    }
}

json Daemon::origins() const {
    json told = origins_json(state_, to_json(state_.config_in_force()),
                             json::parse(config_text_, nullptr, false));
    told["schema"] = "rehome/vipd-origins/1";
    return told;
}

Result<json> Daemon::status() {
    const Micros now = monotonic_us();
    const Snapshot& snapshot = *state_.snapshot();
    const auto sums = this->sums();
    if (!sums) {
        return tl::unexpected(sums.error());
    }
    json workers = json::array();
    for (size_t i = 0; i < workers_.size(); ++i) {
        workers.push_back({{"worker", i}, {"epoch", workers_[i]->acts_on()}});
    }
    json peers = json::array();
    for (size_t i = 0; i < config().peers.size(); ++i) {
        const Micros heard = state_.peer(i).heard;
        peers.push_back({{"gateway", config().peers[i].gateway},
                         {"site", config().peers[i].site},
                         {"alive", snapshot.peer_up(i)},
                         {"last_seen_ms", heard == 0 ? json() : json((now - heard) / 1000)}});
    }
    json lines = json::array();
    for (size_t i = 0; i < config().lines.size(); ++i) {
        lines.push_back({{"carrier", config().lines[i].carrier},
                         {"port", config().ports[config().lines[i].port].name},
                         {"enabled", snapshot.line(i) == LineState::enabled},
                         {"state", name(snapshot.line(i))},
                         {"rx_vip_packets", sums->lines[i].rx_vip_packets},
                         {"tx_vip_packets", sums->lines[i].tx_vip_packets},
                         {"rx_vip_pps", rounded(rates_[i].rx_pps)},
                         {"tx_vip_pps", rounded(rates_[i].tx_pps)}});
    }
    json prefixes = json::array();
    for (const auto& prefix : tables().prefixes()) {
        const bool served = tables().can_serve(prefix);
        prefixes.push_back(
            {{"prefix", prefix.text()},
             {"served", served},
             {"announced", served && snapshot.holds_routes && held_trouble_.empty()}});
    }
    return json{{"schema", "rehome/vipd-status/1"},
                {"at", iso8601(now_us())},
                {"gateway", config().gateway},
                {"site", config().site},
                {"uptime_s", (now - started_) / 1'000'000},
                {"epoch", snapshot.epoch},
                {"workers", workers},
                {"orders", orders_state()},
                {"prefixes", prefixes},
                {"lines", lines},
                {"peers", peers},
                {"share", share_json(snapshot.share)},
                {"flows",
                 {{"here", sums->flows.here},
                  {"relayed", sums->flows.relayed},
                  {"provisional", sums->flows.provisional},
                  {"closing", sums->flows.closing}}},
                {"served", {{"tcp", sums->flows.served_tcp}, {"udp", sums->flows.served_udp}}},
                {"relogin", relogin_progress()}};
}

Result<json> Daemon::stats() {
    const auto told = figures();
    if (!told) {
        return tl::unexpected(told.error());
    }
    json stats = stats_json(*told);
    stats["at"] = iso8601(now_us());
    return stats;
}

}  // namespace rehome::vipd
