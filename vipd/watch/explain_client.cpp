#include "vipd/watch/explain_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "vipd/watch/causes.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr size_t servers_most = 16;    // that are tried
constexpr uint16_t any_port = 40'000;  // a client's, where none is said
constexpr uint32_t ports_most = 4096;  // that are looked at for one that leads to a server
constexpr size_t vips_most = 64;

std::string first_packet(const Wanted& wanted, const Endpoint& client) {
    return wanted.protocol == static_cast<uint8_t>(Protocol::udp)
               ? fmt::format("udp {} > {} len 1", client.text(), wanted.vip.text())
               : fmt::format("tcp {} > {} syn", client.text(), wanted.vip.text());
}

// Clients' ends of which each gets another server, for as many servers as there are.
std::vector<Endpoint> clients_of(const ServiceTable* service, const Wanted& wanted) {
    const uint16_t begin = wanted.client.port == 0 ? any_port : wanted.client.port;
    std::vector<Endpoint> clients;
    if (wanted.client.port != 0 || service == nullptr || !service->has_live_server()) {
        return {{wanted.client.address, begin}};
    }
    std::set<uint32_t> servers;
    for (uint32_t i = 0; i < ports_most && clients.size() < servers_most; ++i) {
        const Endpoint client{wanted.client.address, static_cast<uint16_t>(begin + i)};
        if (servers.insert(choose_server(*service, client).index).second) {
            clients.push_back(client);
        }
    }
    return clients;
}

std::optional<size_t> line_of(const Tables& tables, const WayIn& way) {
    const auto& lines = tables.lines();
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].port == way.port && lines[i].vlan == way.vlan.value_or(0)) {
            return i;
        }
    }
    return std::nullopt;
}

// As the stages note it.
json step_of(const json& why, std::string_view stage) {
    for (const json& step : why.at("steps")) {
        if (step.at("stage") == stage) {
            return step.at("text");
        }
    }
    return {};
}

bool is_through(const json& why) {
    return why.at("way") == "forward";
}

// "yes", "no", "unknown": whether it gets there and back, as far as can be seen here.
std::string_view served(const BothWays& ways) {
    const auto lost = [](const json& why) {
        const std::string way = why.at("way");
        return way == "drop" || way == "punt" ||
               (way == "wait" && why.contains("out") && why.at("out").at("failed") == true);
    };
    return lost(ways.in) || (ways.back && lost(*ways.back))                 ? "no"
           : !is_through(ways.in) || (ways.back && !is_through(*ways.back)) ? "unknown"
                                                                            : "yes";
}

}  // namespace

Result<json> explain_client(const Live& live, const Wanted& wanted) {
    const Tables& tables = *live.snapshot.tables;
    Evidence evidence{live,
                      wanted,
                      tables.service(wanted.protocol, wanted.vip),
                      tables.map_of_vip(wanted.vip.address) != nullptr,
                      {},
                      {}};
    json tries = json::array();
    std::set<std::string_view> all;
    for (const Endpoint& client : clients_of(evidence.service, wanted)) {
        const auto packet = parse_packet_text(first_packet(wanted, client));
        if (!packet) {
            return tl::unexpected(packet.error());
        }
        const auto way =
            way_in(*live.snapshot.config, tables, {live.routes, live.neighbours}, "", *packet);
        if (!way) {
            return tl::unexpected(way.error());
        }
        evidence.line = line_of(tables, *way);
        auto ways = live.ask(*packet, *way);
        if (!ways) {
            return tl::unexpected(ways.error());
        }
        json one{
            {"in", ways->in}, {"served", served(*ways)}, {"place", step_of(ways->in, "place")}};
        one["back"] = ways->back ? *ways->back : json();
        all.insert(served(*ways));
        tries.push_back(std::move(one));
        evidence.tries.push_back(std::move(*ways));
    }
    json causes = json::array();
    for (const Cause& cause : causes_of(evidence)) {
        causes.push_back({{"cause", cause.cause},
                          {"text", cause.text},
                          {"mend", cause.mend},
                          {"serves", cause.serves}});
    }
    const bool hindered = std::any_of(causes.begin(), causes.end(), [](const json& cause) {
        return cause.at("serves") == false;
    });
    json result{
        {"vip", wanted.vip.text()},
        {"protocol", name(static_cast<Protocol>(wanted.protocol))},
        {"service", evidence.service == nullptr ? json() : json(evidence.service->config->name)},
        {"tries", tries},
        {"causes", causes}};
    result["line"] = evidence.line
                         ? json{{"carrier", tables.lines()[*evidence.line].carrier},
                                {"state", name(live.snapshot.line(*evidence.line))},
                                {"routed", live.routes.lookup(wanted.client.address).has_value()}}
                         : json();
    result["served"] = hindered || all.contains("no") ? all.contains("yes") ? "in part" : "no"
                       : all == std::set<std::string_view>{"yes"} ? "yes"
                                                                  : "unknown";
    return result;
}

Result<std::vector<Wanted>> wanted_by(const Tables& tables, const std::string& client,
                                      const std::string& vip) {
    Wanted wanted;
    if (const auto end = Endpoint::parse(client)) {
        wanted.client = *end;
    } else if (const auto address = Address::parse(client)) {
        wanted.client = {*address, 0};
    } else {
        return fail(Exit::usage, "",
                    in_quotes(client) +
                        " is no client, expected an address, or an address and "
                        "port");
    }
    const auto end = Endpoint::parse(vip);
    const auto address = Address::parse(vip);
    std::vector<Wanted> all;
    for (const ServiceTable& service : tables.services()) {
        const ServiceConfig& config = *service.config;
        const bool meant = vip.empty() || config.name == vip ||
                           (address && config.vip == *address) ||
                           (end && end->address == config.vip && end->port == config.port);
        if (meant && config.vip.family == wanted.client.address.family && all.size() < vips_most) {
            wanted.protocol = static_cast<uint8_t>(config.protocol);
            wanted.vip = {config.vip, config.port};
            all.push_back(wanted);
        }
    }
    if (all.empty() && end && end->address.family == wanted.client.address.family) {
        wanted.protocol = static_cast<uint8_t>(Protocol::tcp);  // of a map, or nobody's
        wanted.vip = *end;
        all.push_back(wanted);
    }
    if (all.empty()) {
        return fail(Exit::usage, "",
                    vip.empty() ? "there are no services of the client's family, expected a VIP "
                                  "and port"
                                : in_quotes(vip) +
                                      " is no service of the client's family, "
                                      "expected its name, or a VIP and port");
    }
    return all;
}

}  // namespace rehome::vipd
