// What vipctl can ask of a running vipd: the one table of commands, and those that only tell.
//
// A command's name is that of its request's schema, a definition in vipd-request.schema.json; every
// request has been checked by it before it is handled, so that a handler finds what the schema
// says.
#include <algorithm>
#include <functional>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/control_request.h"
#include "vipd/daemon/census.h"
#include "vipd/daemon/daemon.h"
#include "vipd/daemon/flows.h"
#include "vipd/watch/origins.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

json or_null(uint16_t known) {
    return known == 0 ? json() : json(known);
}

double rounded(double value) {
    return static_cast<double>(static_cast<int64_t>(value * 10)) / 10;
}

// counted: null where a worker does not tell.
json tags_json(const Snapshot::Peer& peer, const PeerFigures* counted) {
    if (peer.keys == nullptr) {
        return {};
    }
    const auto& sign = peer.keys->sign;
    return {{"agreed", peer.keys->epochs[0].has_value()},
            {"signed_by", sign ? json(sign->key_id) : json()},
            {"untagged", counted == nullptr ? json() : json(counted->untagged)},
            {"bad", counted == nullptr ? json() : json(counted->bad_tags)},
            {"replayed", counted == nullptr ? json() : json(counted->replayed)}};
}

}  // namespace

struct Daemon::Command {
    using Handle = std::function<void(Daemon& daemon, const json& request, const Reply& reply)>;

    std::string_view name;
    std::string_view result;  // its format
    Handle handle;

    // One that is answered with what a function of the daemon and the request gives.
    template <typename Answer>
    static Handle at_once(Answer answer) {
        return [answer](Daemon& daemon, const json& request, const Reply& reply) {
            const Result<json> result = answer(daemon, request);
            result ? reply.done(*result) : reply.refuse(result.error());
        };
    }
};

std::span<const Daemon::Command> Daemon::commands() {
    using D = Daemon&;
    using R = const json&;
    constexpr auto at_once = [](auto answer) { return Command::at_once(answer); };
    static const std::vector<Command> all{
        {"access", "vipd-accessed", at_once([](D d, R) { return Result<json>(d.access()); })},
        {"access-commit", "vipd-accessed", &Daemon::commit_access},
        {"access-drop", "vipd-accessed",
         at_once([](D d, R request) { return d.drop_access(request); })},
        {"access-prepare", "vipd-accessed", &Daemon::prepare_access},
        {"capture", "vipd-capture",
         at_once([](D d, R request) { return d.captures_.start(request, d.config()); })},
        {"capture-read", "vipd-capture",
         at_once([](D d, R request) { return d.captures_.read(request); })},
        {"capture-stop", "vipd-capture",
         at_once([](D d, R request) { return d.captures_.stop(request); })},
        {"config", "vipd", at_once([](D d, R) { return to_json(d.state_.config_in_force()); })},
        {"confirm", "vipd-confirm", &Daemon::confirm},
        {"explain", "vipd-explain", at_once([](D d, R request) { return d.explain(request); })},
        {"flows", "vipd-flows", at_once([](D d, R request) {
             return list_flows(request, d.workers_, d.config(), d.tables());
         })},
        {"enable", "vipd-disabled", &Daemon::disable},
        {"mask", "vipd-disabled", &Daemon::disable},
        {"metrics", "vipd-metrics", at_once([](D d, R) { return d.metrics(); })},
        {"origins", "vipd-origins", at_once([](D d, R) { return d.origins(); })},
        {"placement", "vipd-placed", at_once([](D d, R) { return d.placement(); })},
        {"placement-commit", "vipd-placed", &Daemon::commit_placement},
        {"placement-drop", "vipd-placed",
         at_once([](D d, R request) { return d.drop_placement(request); })},
        {"placement-prepare", "vipd-placed",
         [](D d, R request, const Reply& reply) {
             const auto prepared = d.prepare_placement(request, reply.uid());
             prepared ? reply.done(*prepared) : reply.refuse(prepared.error());
         }},
        {"reload", "vipd-reload", &Daemon::reload},
        {"share", "vipd-share", &Daemon::share},
        {"sites", "vipd-sites", at_once([](D d, R) { return Result<json>(d.sites()); })},
        {"sites-commit", "vipd-disabled", &Daemon::commit_sites},
        {"sites-drop", "vipd-sites", at_once([](D d, R request) { return d.drop_sites(request); })},
        {"sites-prepare", "vipd-sites", &Daemon::prepare_sites},
        {"stats", "vipd-stats", at_once([](D d, R) { return d.stats(); })},
        {"strong", "vipd-disabled", &Daemon::disable},
        {"status", "vipd-status", at_once([](D d, R request) { return d.status(request); })},
        {"top", "vipd-top",
         at_once([](D d, R request) { return d.busiest_.answer(request, d.tables()); })},
        {"weak", "vipd-disabled", &Daemon::disable},
        {"why", "vipd-why", at_once([](D d, R request) { return d.why(request); })},
    };
    return all;
}

std::vector<std::string_view> Daemon::command_names() {
    std::vector<std::string_view> names;
    for (const Command& command : commands()) {
        names.push_back(command.name);
    }
    return names;
}

void Daemon::command(const json& request, const Reply& reply) {
    if (const std::string wrong = wrong_request("request", request); !wrong.empty()) {
        const std::string unknown = unknown_target(request);
        reply.refuse(wrong + (unknown.empty() ? "" : "\n" + unknown), Exit::usage);
        return;
    }
    const auto all = commands();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Command& command) {
        return command.name == request["command"];
    });
    found->handle(*this, request, reply.of_format("rehome/" + std::string(found->result) + "/1"));
    say_orders(reply.uid());
}

json Daemon::origins() const {
    json told = origins_json(state_, to_json(state_.config_in_force()),
                             json::parse(config_text_, nullptr, false));
    told["schema"] = "rehome/vipd-origins/1";
    return told;
}

json Daemon::workers_state() const {
    json workers = json::array();
    for (size_t i = 0; i < workers_.size(); ++i) {
        workers.push_back({{"worker", i},
                           {"epoch", workers_[i]->acts_on()},
                           {"answers", !workers_[i]->silent()}});
    }
    return workers;
}

json Daemon::peer_state(size_t peer, const Sums* sums) const {
    const PeerConfig& known = config().peers[peer];
    const Snapshot::Peer& snapshot = state_.snapshot()->peers[peer];
    const ObservedPeer& observed = state_.peer(peer);
    const bool heard = observed.heard != 0;
    const auto& hears_us = observed.last.hears_you;
    return {
        {"gateway", known.gateway},
        {"site", known.site},
        {"alive", snapshot.up},
        {"hears_us", heard && hears_us ? json(*hears_us) : json()},
        {"same_placement", heard && snapshot.placement
                               ? json(*snapshot.placement == state_.snapshot()->placement->digest())
                               : json()},
        {"same_access", heard && snapshot.access
                            ? json(*snapshot.access == state_.snapshot()->access_digest)
                            : json()},
        {"same_sites", heard && snapshot.sites
                           ? json(*snapshot.sites == state_.snapshot()->disabled->sites_digest())
                           : json()},
        {"narrow", snapshot.narrow},
        {"link_mtu", or_null(snapshot.link_mtu)},
        {"link_mtu_back", or_null(snapshot.link_mtu_back)},
        {"tags", tags_json(snapshot, sums == nullptr ? nullptr : &sums->peers[peer])},
        {"last_seen_ms", heard ? json((monotonic_us() - observed.heard) / 1000) : json()}};
}

json Daemon::line_state(size_t line, const Sums* sums) const {
    const LineConfig& known = config().lines[line];
    const LineState state = state_.snapshot()->line(line);
    const auto counted = [&](auto count) { return sums == nullptr ? json() : json(count(*sums)); };
    return {
        {"carrier", known.carrier},
        {"port", config().ports[known.port].name},
        {"enabled", state == LineState::enabled},
        {"state", name(state)},
        {"rx_vip_packets", counted([&](const Sums& of) { return of.lines[line].rx_vip_packets; })},
        {"tx_vip_packets", counted([&](const Sums& of) { return of.lines[line].tx_vip_packets; })},
        {"rx_vip_pps", counted([&](const Sums&) { return rounded(rates_[line].rx_pps); })},
        {"tx_vip_pps", counted([&](const Sums&) { return rounded(rates_[line].tx_pps); })}};
}

json Daemon::prefix_state(const Prefix& prefix) const {
    const bool served = state_.snapshot()->served->has(prefix);
    return {{"prefix", prefix.text()},
            {"served", served},
            {"announced", served && state_.snapshot()->holds_routes && held_trouble_.empty()}};
}

Result<json> Daemon::services_state(const Sums* sums) {
    const auto census = count_flows(workers_, tables());
    if (!census) {
        return tl::unexpected(census.error());
    }
    json services = json::array();
    for (const ServiceTable& service : tables().services()) {
        static const ServiceRate none;
        const ServiceRate& rate =
            service.number < service_rates_.size() ? service_rates_[service.number] : none;
        const auto told = [&](double value) {
            return sums == nullptr ? json() : json(rounded(value));
        };
        json servers = json::array();
        for (size_t i = 0; i < service.servers.size(); ++i) {
            const ServerConfig& server = service.servers[i];
            const size_t number = service.first_server + i;
            const bool rated = sums != nullptr && number < server_rates_.size() &&
                               begun_at_whom_ == tables().servers_digest();
            const auto& health = state_.snapshot()->health;
            const EndpointHealth* checked =
                health == nullptr ? nullptr : health->of(service.config->name, i);
            servers.push_back(
                {{"server", server.name},
                 {"address", server.port == 0 ? server.address.text() : server.endpoint().text()},
                 {"takes_new_flows", service.takes_new_flows(i)},
                 {"health", checked == nullptr ? json() : json(name(checked->state))},
                 {"flows", census->of(service, i)},
                 {"new_flows_per_s", rated ? json(rounded(server_rates_[number])) : json()}});
        }
        services.push_back({{"service", service.config->name},
                            {"served", state_.snapshot()->served->can_serve(service)},
                            {"new_flows_per_s", told(rate.new_flows)},
                            {"to_servers_pps", told(rate.to_servers)},
                            {"to_clients_pps", told(rate.to_clients)},
                            {"counted_one_in", census->one_in},
                            {"servers", servers}});
    }
    return services;
}

Result<json> Daemon::status(const json& request) {
    // What one worker does not tell, nobody knows: null.
    const auto sums = this->sums();
    const auto counted = [&](auto count) { return sums ? json(count(*sums)) : json(); };
    const Snapshot& snapshot = *state_.snapshot();
    json peers = json::array(), lines = json::array(), prefixes = json::array();
    for (size_t i = 0; i < config().peers.size(); ++i) {
        peers.push_back(peer_state(i, sums ? &*sums : nullptr));
    }
    for (size_t i = 0; i < config().lines.size(); ++i) {
        lines.push_back(line_state(i, sums ? &*sums : nullptr));
    }
    for (const Prefix& prefix : tables().prefixes()) {
        prefixes.push_back(prefix_state(prefix));
    }
    json status{{"at", iso8601(now_us())},
                {"gateway", config().gateway},
                {"site", config().site},
                {"uptime_s", (monotonic_us() - started_) / 1'000'000},
                {"epoch", snapshot.epoch},
                {"workers", workers_state()},
                {"orders", orders_state()},
                {"prefixes", prefixes},
                {"lines", lines},
                {"ports", port_states_.status(state_)},
                {"peers", peers},
                {"health", health_.status(config(), monotonic_us())},
                {"share", share_json(snapshot.share)},
                {"placement", placement_state()},
                {"access", access_state(sums ? &*sums : nullptr)},
                {"flows", counted([](const Sums& s) {
                     return json{{"here", s.flows.here},
                                 {"relayed", s.flows.relayed},
                                 {"provisional", s.flows.provisional},
                                 {"closing", s.flows.closing}};
                 })},
                {"served", counted([](const Sums& s) {
                     return json{{"tcp", s.flows.served_tcp}, {"udp", s.flows.served_udp}};
                 })},
                {"copies", counted([](const Sums& s) {
                     return json{{"waiting", s.copies.waiting}, {"oldest_ms", s.copies.oldest_ms}};
                 })},
                {"sites", sites_state()},
                {"disabled", disabled_state()},
                {"idle_reset", idle_reset_progress()}};
    if (request.value("servers", false)) {
        const auto services = services_state(sums ? &*sums : nullptr);
        status["services"] = services ? *services : json();
    }
    return status;
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

Result<json> Daemon::metrics() {
    const auto told = figures();
    return told ? Result<json>(json{{"text", metrics_text(*told)}}) : tl::unexpected(told.error());
}

Result<json> Daemon::why(const json& request) {
    auto packet = parse_packet_text(request.value("packet", ""));
    if (!packet) {
        return tl::unexpected(packet.error());
    }
    const Forwarding& known = kernel_->forwarding();
    const auto way = way_in(config(), tables(), {*known.routes, *known.neighbours},
                            request.value("port", ""), *packet);
    if (!way) {
        return tl::unexpected(way.error());
    }
    packet->vlan = way->vlan;
    json answer;
    const auto owner = owner_of(frame_of(*packet), way->port);
    const auto asked = owner ? (*owner)->ask([&](Datapath& d) {
        answer = why_live(d, config(), *packet, *way, monotonic_us());
    })
                             : tl::unexpected(owner.error());
    return asked ? Result<json>(answer) : tl::unexpected(asked.error());
}

}  // namespace rehome::vipd
