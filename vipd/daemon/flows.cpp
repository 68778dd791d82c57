#include "vipd/daemon/flows.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/flow/flow_filter.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr uint64_t places_at_once = 2048;  // of the table, between two bursts: some 150 us
constexpr unsigned asks = 128;             // for one answer
constexpr uint64_t rows_most = 1000;
// Where a listing goes on: the worker, and the place in its table.
constexpr unsigned place_bits = 48;

// What a worker copies out; made to text by the control thread.
struct Row {
    FlowKey key;
    Endpoint server;
    std::string_view state;
    Flow::Reach reach;
    bool served;
    uint32_t service;
    uint16_t peer;
    uint16_t nat_port;
    WayBack way;
    Micros idle, lifetime;
    size_t worker;
};

Result<FlowFilter> filter_of(const json& request) {
    FlowFilter filter;
    for (const auto& [key, end] :
         {std::pair{"client", &filter.client}, {"vip", &filter.vip}, {"server", &filter.server}}) {
        if (request.contains(key)) {
            auto parsed = FlowFilter::parse_end(request.value(key, ""));
            if (!parsed) {
                return tl::unexpected(parsed.error());
            }
            *end = *parsed;
        }
    }
    if (request.contains("state")) {
        if (auto done = filter.set_state(request.value("state", "")); !done) {
            return tl::unexpected(done.error());
        }
    }
    return filter;
}

std::string protocol_text(uint8_t protocol) {
    const auto name_of = name(static_cast<Protocol>(protocol));
    return name_of == "unknown" ? std::to_string(protocol) : std::string(name_of);
}

// One answer in the making.
struct Listing {
    FlowFilter filter;
    bool only_count = false;
    uint64_t limit = rows_most;
    std::vector<Row> rows;
    uint64_t matched = 0;
    Micros longest = 0;

    bool wants_more() const { return only_count || rows.size() < limit; }

    // In that worker's thread; true when its table was gone through to the end.
    bool look(Datapath& d, size_t worker, uint64_t& place) {
        const Micros now = monotonic_us();
        const uint64_t until = place + places_at_once;
        Flow* flow = nullptr;
        while (wants_more() && (flow = d.flows().next(place, until)) != nullptr) {
            if (filter.matches(*flow)) {
                add(d, *flow, worker, now);
            }
        }
        longest = std::max(longest, monotonic_us() - now);
        return flow == nullptr && place < until && wants_more();
    }

private:
    void add(Datapath& d, Flow& flow, size_t worker, Micros now) {
        ++matched;
        if (!only_count) {
            rows.push_back({flow.key(), flow.server(), state_name(flow), flow.reach, flow.served,
                            flow.service, flow.peer, flow.nat_port, d.flows().way_back(flow),
                            d.flows().idle(flow, now), d.flows().lifetime(flow), worker});
        }
    }
};

std::string_view forward_name(Flow::Reach reach) {
    return reach == Flow::Reach::ipip ? "ipip" : reach == Flow::Reach::gue ? "gue" : "nat";
}

json row_json(const Row& row, const Config& config, const Tables& tables) {
    const ServiceTable* service = tables.service_by_number(row.service);
    const bool tunnel = row.way.via == WayBack::Via::tunnel;
    json flow{{"protocol", protocol_text(row.key.protocol)},
              {"client", row.key.client.text()},
              {"vip", row.key.vip.text()},
              {"state", row.state},
              {"service", service == nullptr ? json() : json(service->config->name)},
              {"way_back", tunnel ? "peer " + config.peers[row.way.index].gateway
                                  : "line " + config.lines[row.way.index].carrier},
              {"idle_ms", row.idle / 1000},
              {"expires_ms", std::max<Micros>(0, row.lifetime - row.idle) / 1000},
              {"worker", row.worker}};
    if (row.served) {
        flow["server"] = row.server.port == 0 ? row.server.address.text() : row.server.text();
        flow["forward"] = forward_name(row.reach);
    } else {
        flow["peer"] = config.peers[row.peer].gateway;
    }
    if (row.nat_port != 0) {
        flow["source_port"] = row.nat_port;
    }
    return flow;
}

}  // namespace

Result<json> list_flows(const json& request, const Workers& workers, const Config& config,
                        const Tables& tables) {
    const auto filter = filter_of(request);
    if (!filter) {
        return tl::unexpected(filter.error());
    }
    Listing listing;
    listing.filter = *filter;
    listing.only_count = request.value("count", false);
    listing.limit = std::min(request.value("limit", rows_most), rows_most);
    listing.rows.reserve(listing.limit);
    const auto from = request.value("place", uint64_t{0});
    uint64_t place = from & ((uint64_t{1} << place_bits) - 1);
    size_t worker = from >> place_bits;
    for (unsigned i = 0; i < asks && worker < workers.size() && listing.wants_more(); ++i) {
        bool over = false;
        const auto asked =
            workers[worker]->ask([&](Datapath& d) { over = listing.look(d, worker, place); });
        if (!asked) {
            return tl::unexpected(asked.error());
        }
        if (over) {
            place = 0;
            ++worker;
        }
    }
    json list = json::array();
    for (const Row& row : listing.rows) {
        list.push_back(row_json(row, config, tables));
    }
    return json{{"flows", list},
                {"matched", listing.matched},
                {"all", worker >= workers.size()},
                {"place", uint64_t{worker} << place_bits | place},
                {"longest_us", listing.longest}};
}

}  // namespace rehome::vipd
