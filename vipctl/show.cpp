#include "vipctl/show.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace rehome::vipctl {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    if (value.is_number_float()) {
        return fmt::format("{:.10g}", value.get<double>());  // 10, not 10.0
    }
    return value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : value.dump();
}

bool flag(const json& object, const char* key) {
    return object.is_object() && object.value(key, json()) == true;
}

json list(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_array() ? value : json::array();
}

json part(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_object() ? value : json::object();
}

std::string share_text(const json& share) {
    return fmt::format("{} % of the clients go to the other site, by {}", text(share, "percent"),
                       text(share, "by"));
}

std::string peer_text(const json& peer) {
    const std::string heard = text(peer, "last_seen_ms");
    return fmt::format("{:<20} {}, {}", text(peer, "gateway"),
                       flag(peer, "alive") ? "alive" : "DOWN",
                       heard == "-" ? "never heard" : "heard " + heard + " ms ago");
}

std::string lines_table(const json& lines) {
    std::string out = fmt::format("\n{:<15} {:<9} {:>11} {:>11} {:>14} {:>14}\n", "line", "state",
                                  "in pps", "out pps", "in packets", "out packets");
    for (const json& line : lines) {
        out += fmt::format("{:<15} {:<9} {:>11} {:>11} {:>14} {:>14}\n", text(line, "carrier"),
                           flag(line, "enabled") ? "enabled" : "disabled", text(line, "rx_vip_pps"),
                           text(line, "tx_vip_pps"), text(line, "rx_vip_packets"),
                           text(line, "tx_vip_packets"));
    }
    return out;
}

std::string ports_table(const json& ports) {
    std::string out =
        fmt::format("\n{:<15} {:>14} {:>14} {:>14}\n", "port", "received", "sent", "refused");
    for (const json& port : ports) {
        out += fmt::format("{:<15} {:>14} {:>14} {:>14}\n", text(port, "port"),
                           text(port, "received"), text(port, "sent"), text(port, "refused"));
    }
    return out;
}

}  // namespace

std::string show_status(const json& status) {
    const json flows = part(status, "flows");
    std::string out =
        fmt::format("gateway  {} at site {}, up {} s, {}\n", text(status, "gateway"),
                    text(status, "site"), text(status, "uptime_s"), text(status, "at"));
    for (const json& prefix : list(status, "prefixes")) {
        out += fmt::format("prefix   {:<20} {}\n", text(prefix, "prefix"),
                           flag(prefix, "served") ? "served" : "NOT SERVED");
    }
    for (const json& peer : list(status, "peers")) {
        out += fmt::format("peer     {}\n", peer_text(peer));
    }
    out += fmt::format("share    {}\n", share_text(part(status, "share")));
    out += fmt::format("flows    {} here, {} relayed, {} provisional, {} closing\n",
                       text(flows, "here"), text(flows, "relayed"), text(flows, "provisional"),
                       text(flows, "closing"));
    const json served = part(status, "served");
    out += fmt::format("served   {} TCP and {} UDP flows by this site's servers\n",
                       text(served, "tcp"), text(served, "udp"));
    out += fmt::format("relogin  {}\n", show_relogin(part(status, "relogin")));
    return out + lines_table(list(status, "lines"));
}

std::string show_stats(const json& stats) {
    const json sent = part(stats, "sent");  // items() only refers to it
    const json drops = part(stats, "drops");
    std::string out;
    for (const auto& [name, count] : sent.items()) {
        out += fmt::format("sent     {:<28} {:>14}\n", name, count.dump());
    }
    out += fmt::format("punted   {:<28} {:>14}\n", "to the kernel", text(stats, "punted"));
    for (const auto& [name, count] : drops.items()) {
        if (count != 0) {
            out += fmt::format("dropped  {:<28} {:>14}\n", name, count.dump());
        }
    }
    const json table = part(stats, "flow_table");
    for (const auto& [name, count] : table.items()) {
        out += fmt::format("flows    {:<28} {:>14}\n", name, count.dump());
    }
    for (const json& pool : list(stats, "pools")) {
        out += fmt::format("pool     {:<28} {:>14}\n", text(pool, "pool"),
                           fmt::format("{} of {} ports", text(pool, "used"), text(pool, "ports")));
        out +=
            fmt::format("         {:<28} {:>14}\n", "found it exhausted", text(pool, "exhausted"));
    }
    return out + ports_table(list(stats, "ports"));
}

std::string show_config(const json& config) {
    return config.dump(2) + "\n";
}

std::string show_reload(const json& reload) {
    return fmt::format("{} services in force\n", text(reload, "services"));
}

std::string show_share(const json& share) {
    return share_text(share) + "\n";
}

std::string show_line(const json& line) {
    return fmt::format("line {} is {}\n", text(line, "carrier"),
                       flag(line, "enabled") ? "enabled" : "disabled");
}

std::string show_relogin(const json& relogin) {
    return fmt::format("{}, {} flows reset, {} remaining",
                       flag(relogin, "running") ? "running" : "not running", text(relogin, "reset"),
                       text(relogin, "remaining"));
}

}  // namespace rehome::vipctl
