// What vipctl can see of packets and flows: why, metrics; and the workers' observers, which the
// captures (daemon_capture.cpp) and the busiest (daemon_top.cpp) share.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/watch/metrics.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

}  // namespace

Result<json> Daemon::see(const std::string& name, const json& request) {
    if (name == "why") {
        return why(request);
    }
    if (name == "flows") {
        return flows(request);
    }
    if (name == "capture") {
        return capture(request);
    }
    if (name == "top") {
        return top(request);
    }
    if (name == "metrics") {
        return metrics();
    }
    return fail(Exit::usage, "", "unknown command " + in_quotes(name));
}

Result<json> Daemon::why(const json& request) {
    const auto packet = parse_packet_text(request.value("packet", ""));
    if (!packet) {
        return tl::unexpected(packet.error());
    }
    const auto port = port_for(config_, request.value("port", ""), *packet);
    if (!port) {
        return tl::unexpected(port.error());
    }
    json answer;
    auto frame = frame_of(*packet);
    const auto asked = owner_of(frame, *port).ask([&](Datapath& d) {
        answer = why_live(d, config_, *packet, *port, monotonic_us());
    });
    return asked ? Result<json>(answer) : tl::unexpected(asked.error());
}

Result<json> Daemon::metrics() {
    Counters counters;
    FlowCounts flows;
    std::vector<bool> enabled(config_.lines.size(), true);  // at every worker
    TableUse use;
    const auto asked = ask_all([&](Datapath& d) {
        counters += d.counters();
        flows += d.flows().counts();
        use.add(d);
        for (size_t i = 0; i < enabled.size(); ++i) {
            enabled[i] = enabled[i] && d.relay().line(i) == LineState::enabled;
        }
    });
    if (!asked) {
        return tl::unexpected(asked.error());
    }
    Metrics m;
    m.counter("packets_total", "Packets by their way out");
    m.sample(counters.to_servers, {{"way", "to_servers"}});
    m.sample(counters.to_clients, {{"way", "to_clients"}});
    m.sample(counters.to_peers, {{"way", "to_peers"}});
    m.sample(counters.punted, {{"way", "to_kernel"}});
    m.counter("made_total", "Packets that vipd made itself");
    m.sample(counters.resets, {{"kind", "reset"}});
    m.sample(counters.icmp, {{"kind", "icmp_error"}});
    m.counter("drops_total", "Packets that vipd dropped, by reason");
    for (const auto& entry : drop_names) {
        m.sample(counters.drops[static_cast<size_t>(entry.drop)],
                 {{"reason", std::string(entry.name)}});
    }
    m.gauge("flows", "Flows in the table, each in one state");
    m.sample(flows.here, {{"state", "here"}});
    m.sample(flows.relayed, {{"state", "relayed"}});
    m.sample(flows.provisional, {{"state", "provisional"}});
    m.sample(flows.closing, {{"state", "closing"}});
    m.gauge("flow_table_established", "Flows that nothing pushes out");
    m.sample(use.established, {});
    m.counter("flow_table_events_total", "What flow tables of a fixed size had to do");
    m.sample(use.replaced, {{"event", "half_open_replaced"}});
    m.sample(use.full, {{"event", "full"}});
    m.gauge("pool_ports_used", "Ports of source NAT pools that stand for flows");
    for (size_t i = 0; i < use.pools.size(); ++i) {
        m.sample(use.pools[i].used, {{"pool", config_.pools[i].name}});
    }
    m.counter("pool_exhausted_total", "Flows that found no free port in their pool");
    for (size_t i = 0; i < use.pools.size(); ++i) {
        m.sample(use.pools[i].exhausted, {{"pool", config_.pools[i].name}});
    }
    m.gauge("line_enabled", "Whether the carrier's line may carry VIPs");
    for (size_t i = 0; i < config_.lines.size(); ++i) {
        m.sample(enabled[i] ? 1 : 0, {{"carrier", config_.lines[i].carrier}});
    }
    m.counter("line_packets_total", "Packets to and from VIPs, by line");
    for (size_t i = 0; i < config_.lines.size(); ++i) {
        const std::string& carrier = config_.lines[i].carrier;
        m.sample(counters.lines[i].rx_vip_packets, {{"carrier", carrier}, {"direction", "in"}});
        m.sample(counters.lines[i].tx_vip_packets, {{"carrier", carrier}, {"direction", "out"}});
    }
    m.counter("port_packets_total", "Packets by port; refused ones found no room in the device");
    for (const auto& port : shared_.ports) {
        const auto c = port->counters();
        m.sample(c.received, {{"port", port->name()}, {"direction", "in"}});
        m.sample(c.sent, {{"port", port->name()}, {"direction", "out"}});
        m.sample(c.refused, {{"port", port->name()}, {"direction", "refused"}});
    }
    const auto of_service = [&](const ServiceTable& service) {
        return service.number < counters.services.size() ? counters.services[service.number]
                                                         : ServiceCounters{};
    };
    m.counter("service_packets_total", "Packets by service");
    for (const auto& service : tables_->services()) {
        const auto c = of_service(service);
        const std::string& name = service.config.name;
        m.sample(c.to_servers, {{"service", name}, {"way", "to_servers"}});
        m.sample(c.to_clients, {{"service", name}, {"way", "to_clients"}});
        m.sample(c.dropped, {{"service", name}, {"way", "dropped"}});
    }
    m.counter("service_flows_total", "New flows by service");
    for (const auto& service : tables_->services()) {
        m.sample(of_service(service).new_flows, {{"service", service.config.name}});
    }
    return json{{"text", m.text()}};
}

// Hands each worker an observer of what is wanted now; none, when nothing is.
Result<> Daemon::observe(bool capturing) {
    for (size_t i = 0; i < workers_.size(); ++i) {
        const auto ring = capturing ? capture_->rings[i] : nullptr;
        const auto top = tops_.empty() ? nullptr : tops_[i];
        const bool wanted = ring != nullptr || top != nullptr;
        if (auto done =
                workers_[i]->set_observer(wanted ? std::make_shared<Observer>(ring, top) : nullptr);
            !done) {
            return done;
        }
    }
    return {};
}

// Whoever asked has gone: nobody looks on for nobody.
void Daemon::stop_looking(Micros now) {
    const bool capture_over = capture_ && now > capture_->until;
    const bool top_over = !tops_.empty() && now > top_until_;
    if (capture_over) {
        capture_.reset();
    }
    if (top_over) {
        tops_.clear();
    }
    if (capture_over || top_over) {
        (void)observe(capture_.has_value());  // a worker that does not answer is told of elsewhere
    }
}

}  // namespace rehome::vipd
