// What vipctl can ask of a running vipd; requests and results are described in vipctl(8).
#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/adapter/config_file.h"
#include "vipd/daemon/daemon.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

Result<json> refuse(std::string what) {
    return fail(Exit::usage, "", std::move(what));
}

std::string all_of(const std::vector<Error>& errors) {
    std::string text;
    for (const auto& error : errors) {
        text += (text.empty() ? "" : "\n") + error.text();
    }
    return text;
}

double rounded(double value) {
    return static_cast<double>(static_cast<int64_t>(value * 10)) / 10;
}

json share_json(const Share& share) {
    return {{"percent", share.hundredths / 100.0},
            {"by", share.by == ShareBy::address ? "address" : "address-port"}};
}

// Adds how it goes at one worker to what is told of all; null: the first one.
void add_relogin(json& all, Datapath& d) {
    all["running"] = all.value("running", false) || d.relogin().running();
    all["reset"] = all.value("reset", uint64_t{0}) + d.relogin().flows_reset();
    all["remaining"] = all.value("remaining", uint64_t{0}) + d.relogin().remaining(d.flows());
}

}  // namespace

void Daemon::command(const json& request, const Reply& reply) {
    const std::string name = request.value("command", "");
    if (name == "line") {
        line(request, reply);  // may answer later
        return;
    }
    const auto result = name == "status"    ? status()
                        : name == "stats"   ? stats()
                        : name == "config"  ? Result<json>(to_json(config_))
                        : name == "share"   ? share(request)
                        : name == "relogin" ? relogin(request)
                        : name == "reload"  ? reload()
                                            : see(name, request);
    if (result) {
        reply.done(*result);
    } else {
        reply.refuse(result.error().text());
    }
}

Result<json> Daemon::status() {
    const Micros now = monotonic_us();
    Sums sums;
    json peers, share, relogin = json::object();
    const auto asked = ask_all([&](Datapath& d) {
        sums.add(d);
        peers = json::array();
        for (size_t i = 0; i < config_.peers.size(); ++i) {
            const Micros heard = d.relay().peer_heard(i);
            peers.push_back({{"gateway", config_.peers[i].gateway},
                             {"site", config_.peers[i].site},
                             {"alive", d.relay().peer_up(i, now)},
                             {"last_seen_ms", heard == 0 ? json() : json((now - heard) / 1000)}});
        }
        share = share_json(d.relay().share);
        add_relogin(relogin, d);
    });
    if (!asked) {
        return tl::unexpected(asked.error());
    }
    json lines = json::array();
    for (size_t i = 0; i < config_.lines.size(); ++i) {
        lines.push_back({{"carrier", config_.lines[i].carrier},
                         {"port", config_.ports[config_.lines[i].port].name},
                         {"enabled", sums.enabled(i)},
                         {"rx_vip_packets", sums.lines[i].rx_vip_packets},
                         {"tx_vip_packets", sums.lines[i].tx_vip_packets},
                         {"rx_vip_pps", rounded(rates_[i].rx_pps)},
                         {"tx_vip_pps", rounded(rates_[i].tx_pps)}});
    }
    json prefixes = json::array();
    for (const auto& prefix : tables_->prefixes()) {
        prefixes.push_back({{"prefix", prefix.text()}, {"served", tables_->can_serve(prefix)}});
    }
    return json{{"schema", "rehome/vipd-status/1"},
                {"at", iso8601(now_us())},
                {"gateway", config_.gateway},
                {"site", config_.site},
                {"uptime_s", (now - started_) / 1'000'000},
                {"prefixes", prefixes},
                {"lines", lines},
                {"peers", peers},
                {"share", share},
                {"flows",
                 {{"here", sums.flows.here},
                  {"relayed", sums.flows.relayed},
                  {"provisional", sums.flows.provisional},
                  {"closing", sums.flows.closing}}},
                {"served", {{"tcp", sums.flows.served_tcp}, {"udp", sums.flows.served_udp}}},
                {"relogin", relogin}};
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

Result<json> Daemon::share(const json& request) {
    Share wanted;
    const bool change = request.contains("percent");
    if (change) {
        const double percent =
            request["percent"].is_number() ? request["percent"].get<double>() : -1;
        const std::string by = request.value("by", "address");
        if (percent < 0 || percent > 100 || (by != "address" && by != "address-port")) {
            return refuse("expected a share of 0 to 100 percent, by address or address-port");
        }
        wanted.hundredths = static_cast<uint32_t>(std::lround(percent * 100));
        wanted.by = by == "address" ? ShareBy::address : ShareBy::address_port;
    }
    json result;
    const auto asked = ask_all([&](Datapath& d) {
        d.relay().share = change ? wanted : d.relay().share;
        result = share_json(d.relay().share);
    });
    return asked ? Result<json>(result) : tl::unexpected(asked.error());
}

Result<json> Daemon::relogin(const json& request) {
    ReloginOrder order;
    const bool stop = request.value("stop", false);
    if (!stop) {
        order.rate_per_s = request.value("rate", 0.0);
        if (!(order.rate_per_s > 0 && order.rate_per_s <= 1e6)) {
            return refuse("expected a rate of more than 0 and at most 1,000,000 flows per second");
        }
    }
    if (const std::string name = request.value("service", ""); !name.empty()) {
        for (const auto& service : tables_->services()) {
            if (service.config.name == name) {
                order.service = service.number;
            }
        }
        if (!order.service) {
            return refuse("no service is called \"" + name + "\"");
        }
    }
    order.rate_per_s /= static_cast<double>(workers_.size());
    json result = json::object();
    const auto asked = ask_all([&](Datapath& d) {
        if (stop) {
            d.relogin().stop();
        } else {
            d.relogin().start(order, d.flows(), monotonic_us());
        }
        add_relogin(result, d);
    });
    return asked ? Result<json>(result) : tl::unexpected(asked.error());
}

Result<json> Daemon::reload() {
    auto config = read_config(config_path_);
    if (!config) {
        return refuse(all_of(config.error()));
    }
    if (const auto errors = needs_restart(config_, *config); !errors.empty()) {
        return refuse(all_of(errors));
    }
    if (tables_->service_numbers() + config->services.size() > Flow::services_max) {
        return refuse("there were too many services since vipd began, expected a restart");
    }
    for (size_t i = 0; i < config_.lines.size(); ++i) {
        config->lines[i].enabled = config_.lines[i].enabled;  // what vipctl said holds
    }
    auto tables = Tables::build(*config, tables_.get());
    if (auto set = on_workers([&](Worker& worker) { return worker.set_tables(tables); }); !set) {
        return tl::unexpected(set.error());
    }
    config_ = std::move(*config);
    tables_ = tables;
    if (auto held = hold_prefixes(); !held) {
        return tl::unexpected(held.error());
    }
    return json{{"services", config_.services.size()}};
}

void Daemon::line(const json& request, const Reply& reply) {
    const std::string carrier = request.value("carrier", "");
    const std::string state = request.value("state", "");
    const auto found = std::find_if(config_.lines.begin(), config_.lines.end(),
                                    [&](const auto& l) { return l.carrier == carrier; });
    if (found == config_.lines.end() || (state != "enable" && state != "disable")) {
        reply.refuse("expected a carrier of this gateway's lines, and enable or disable");
        return;
    }
    const auto index = static_cast<size_t>(found - config_.lines.begin());
    const bool enable = state == "enable";
    const auto asked = ask_all([&](Datapath& d) {
        const LineState now = d.relay().line(index);
        if (enable || now == LineState::enabled) {
            d.relay().set_line(index, enable ? LineState::enabled : LineState::draining);
            d.announce_soon();
        }
    });
    if (!asked) {
        reply.refuse(asked.error().text());
    } else if (enable) {
        found->enabled = true;
        reply.done(json{{"carrier", carrier}, {"enabled", true}});
    } else {
        draining_.push_back({index, monotonic_us() + 2'000'000, reply});
    }
}

}  // namespace rehome::vipd
