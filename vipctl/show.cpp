#include "vipctl/show.h"

#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr const char* no_rules = "0000000000000000";

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

std::string names(const json& object, const char* key) {
    std::string text;
    for (const json& name : list(object, key)) {
        text += (text.empty() ? "" : ", ") + name.get<std::string>();
    }
    return text;
}

std::string share_text(const json& share) {
    return fmt::format("{} % of the clients go to the other site, by {}", text(share, "percent"),
                       text(share, "by"));
}

// Nothing without keys.
std::string tags_text(const json& peer) {
    const json tags = peer.is_object() ? peer.value("tags", json()) : json();
    if (!tags.is_object()) {
        return "";
    }
    const std::string sent = tags.value("signed_by", json()).is_null()
                                 ? std::string("sent WITHOUT TAGS")
                                 : "signed by key " + text(tags, "signed_by");
    return fmt::format(", {} ({} came untagged, {} bad, {} replayed)", sent, text(tags, "untagged"),
                       text(tags, "bad"), text(tags, "replayed"));
}

std::string peer_text(const json& peer) {
    const std::string heard = text(peer, "last_seen_ms");
    const bool deaf = peer.is_object() && peer.value("hears_us", json()) == false;
    const std::string narrow =
        flag(peer, "narrow") ? fmt::format(", NARROW ({} bytes there, {} back)",
                                           text(peer, "link_mtu"), text(peer, "link_mtu_back"))
                             : "";
    const bool other = peer.is_object() && peer.value("same_placement", json()) == false;
    const bool other_access = peer.is_object() && peer.value("same_access", json()) == false;
    const bool other_sites = peer.is_object() && peer.value("same_sites", json()) == false;
    return fmt::format("{:<20} {}, {}{}{}{}{}{}{}", text(peer, "gateway"),
                       flag(peer, "alive") ? "alive" : "DOWN",
                       heard == "-" ? "never heard" : "heard " + heard + " ms ago",
                       deaf ? ", DOES NOT HEAR US" : "", other ? ", OTHER PLACEMENT" : "",
                       other_access ? ", OTHER ACCESS RULES" : "",
                       other_sites ? ", OTHER SITES DISABLED" : "", narrow, tags_text(peer));
}

std::string lines_table(const json& lines) {
    std::string out = fmt::format("\n{:<15} {:<9} {:>11} {:>11} {:>14} {:>14}\n", "line", "state",
                                  "in pps", "out pps", "in packets", "out packets");
    for (const json& line : lines) {
        out += fmt::format("{:<15} {:<9} {:>11} {:>11} {:>14} {:>14}\n", text(line, "carrier"),
                           text(line, "state"), text(line, "rx_vip_pps"), text(line, "tx_vip_pps"),
                           text(line, "rx_vip_packets"), text(line, "tx_vip_packets"));
    }
    return out;
}

// Servers that are not simply up, one a line.
std::string health_text(const json& health) {
    if (text(health, "endpoints") == "0") {
        return "";
    }
    const json servers = list(health, "servers");
    size_t up = 0;
    std::string rows;
    for (const json& server : servers) {
        const bool fine = text(server, "state") == "up" && !flag(server, "kept");
        up += fine ? 1 : 0;
        if (fine && flag(server, "checked")) {
            continue;
        }
        const bool down = text(server, "state") == "down";
        const bool kept = flag(server, "kept");
        const std::string why = text(server, "why"), why_since = text(server, "why_since");
        const bool later = why_since != "-" && why_since != text(server, "since");
        rows += fmt::format(
            "server   {:<20} {}{}{}{}{}{}\n",
            text(server, "service") + "/" + text(server, "server"),
            down ? "DOWN" : text(server, "state"),
            text(server, "since") == "-" ? "" : " since " + text(server, "since"),
            kept ? ", LOOKS DOWN" : "",
            text(server, "held_until") == "-" ? "" : ", held until " + text(server, "held_until"),
            why == "-" ? "" : ": " + why, later ? " since " + why_since : "");
    }
    const std::string keeps =
        flag(health, "keeps")
            ? fmt::format(", KEPT AS THEY WERE: {} of {} endpoints look down, more likely it is us",
                          text(health, "look_down"), text(health, "endpoints"))
            : "";
    return fmt::format("health   {} of {} servers up{}\n", up, servers.size(), keeps) + rows;
}

std::string ports_table(const json& ports) {
    std::string out = fmt::format("\n{:<15} {:<15} {:<6} {:>6}\n", "port", "device", "link", "mtu");
    for (const json& port : ports) {
        const std::string trouble = text(port, "trouble");
        out += fmt::format("{:<15} {:<15} {:<6} {:>6}{}\n", text(port, "port"),
                           text(port, "interface"), flag(port, "up") ? "up" : "DOWN",
                           text(port, "mtu"), trouble == "-" ? "" : "  " + trouble);
    }
    return out;
}

// The busiest first; of very many the rest is left to --json.
std::string services_table(const json& services) {
    constexpr size_t most = 32;  // services
    std::vector<const json*> order;
    for (const json& service : services) {
        order.push_back(&service);
    }
    const auto flows = [](const json& service) {
        uint64_t sum = 0;
        for (const json& server : list(service, "servers")) {
            sum += server.value("flows", uint64_t{0});
        }
        return sum;
    };
    if (order.size() > most) {
        std::stable_sort(order.begin(), order.end(),
                         [&](const json* a, const json* b) { return flows(*a) > flows(*b); });
    }
    std::string out =
        fmt::format("\n{:<15} {:<15} {:<23} {:<9} {:>9} {:>9} {:>11} {:>11}\n", "service", "server",
                    "address", "state", "flows", "new/s", "in pps", "out pps");
    for (size_t i = 0; i < order.size() && i < most; ++i) {
        const json& service = *order[i];
        const bool estimated = service.value("counted_one_in", uint64_t{1}) > 1;
        out += fmt::format("{:<15} {:<15} {:<23} {:<9} {:>9} {:>9} {:>11} {:>11}\n",
                           text(service, "service"), "", "",
                           flag(service, "served") ? "served" : "NOT",
                           fmt::format("{}{}", estimated ? "~" : "", flows(service)),
                           text(service, "new_flows_per_s"), text(service, "to_servers_pps"),
                           text(service, "to_clients_pps"));
        for (const json& server : list(service, "servers")) {
            const std::string health = text(server, "health");
            out += fmt::format("{:<15} {:<15} {:<23} {:<9} {:>9} {:>9}\n", "",
                               text(server, "server"), text(server, "address"),
                               health == "down"                   ? "DOWN"
                               : !flag(server, "takes_new_flows") ? "NO NEW"
                               : health == "-"                    ? "takes"
                                                                  : health,
                               (estimated ? "~" : "") + text(server, "flows"),
                               text(server, "new_flows_per_s"));
        }
    }
    return order.size() <= most
               ? out
               : out + fmt::format("{} services more: --json\n", order.size() - most);
}

// What is not as it should be with the operator's orders.
std::string orders_text(const json& orders) {
    std::string out;
    if (!flag(orders, "confirmed")) {
        out += fmt::format(
            "orders   NOT CONFIRMED after {} s away: a peer of this move does, or "
            "`vipctl confirm`\n",
            text(orders, "away_s"));
    }
    if (text(orders, "set_aside") != "-") {
        out += fmt::format("orders   of the run before DO NOT HOLD: {}; kept at {}\n",
                           text(orders, "set_aside"), text(orders, "kept_at"));
    }
    if (text(orders, "not_stored") != "-") {
        out += fmt::format("orders   NOT STORED: {}\n", text(orders, "not_stored"));
    }
    return out;
}

std::string epochs_text(const json& status) {
    std::string out = "epoch    " + text(status, "epoch");
    for (const json& worker : list(status, "workers")) {
        const bool answers = flag(worker, "answers");
        if (!answers || text(worker, "epoch") != text(status, "epoch")) {
            out += fmt::format(", worker {} is at {}{}", text(worker, "worker"),
                               text(worker, "epoch"), answers ? "" : " and DOES NOT ANSWER");
        }
    }
    return out + "\n";
}

// Counters of one group, one a line; those that are 0 only where that says something.
std::string counters_rows(const std::string& group, const json& counters, bool zeros) {
    std::string out;
    for (const auto& [name, count] : counters.items()) {
        if (zeros || count != 0) {
            out += fmt::format("{:<15} {:<28} {:>14}\n", group, name, count.dump());
        }
    }
    return out;
}

// Counters of each item of a list: the item's name, which is the one text in it, and a column each.
std::string counters_table(const json& items) {
    std::string head, rows;
    for (const json& item : items) {
        std::string key, keys, name, counts;
        for (const auto& [field, value] : item.items()) {
            if (value.is_string()) {
                key = fmt::format("{:<22}", field);
                name = fmt::format("{:<22}", value.get<std::string>());
            } else {
                keys += fmt::format(" {:>14}", field);
                counts += fmt::format(" {:>14}", value.dump());
            }
        }
        head = fmt::format("\n{}{}\n", key, keys);
        rows += fmt::format("{}{}\n", name, counts);
    }
    return head + rows;
}

std::string idle_reset_text(const json& idle) {
    std::string peers;
    for (const json& peer : list(idle, "peers")) {
        peers += (peers.empty() ? "" : ", ") + peer.get<std::string>();
    }
    return fmt::format("idle     {} for over {} s: {} of its idle clients reset{}\n",
                       peers + " is lost", text(idle, "after_s"), text(idle, "reset"),
                       flag(idle, "running") ? ", more follow" : "");
}

std::string not_here_text(const json& rules) {
    const std::string named = names(rules, "not_here");
    return named.empty() ? "" : "; NOT HERE: " + named;
}

}  // namespace

std::string show_access_state(const json& access) {
    const json turned = part(access, "turned_away");
    std::string out =
        fmt::format("{} rules ({} expanded), else {}, {}", text(access, "rule_count"),
                    text(access, "expanded"), text(access, "default"), text(access, "digest"));
    if (text(access, "expanded") != "0") {
        out += fmt::format("; built in {:.3g} s, {:.3g} MiB", access.value("build_s", 0.0),
                           access.value("mib", 0.0));
    }
    out += fmt::format("; {} live flows cut{}{}\n", text(access, "cut_flows"),
                       flag(access, "looking") ? " so far" : "", not_here_text(access));
    out += fmt::format(
        "turned   away: {} packets by rules; new flows: {} by clients' limits, {} by services', {} "
        "by VIPs'; {} not admitted ({} % are)\n",
        text(turned, "access"), text(turned, "client_limit"), text(turned, "service_limit"),
        text(turned, "vip_limit"), text(turned, "not_admitted"), text(access, "admitted_percent"));
    return out;
}

std::string show_status(const json& status) {
    const json flows = part(status, "flows");
    std::string out =
        fmt::format("gateway  {} at site {}, up {} s, {}\n", text(status, "gateway"),
                    text(status, "site"), text(status, "uptime_s"), text(status, "at"));
    for (const json& prefix : list(status, "prefixes")) {
        const bool served = flag(prefix, "served");
        out += fmt::format("prefix   {:<20} {}{}\n", text(prefix, "prefix"),
                           served ? "served" : "NOT SERVED",
                           served && !flag(prefix, "announced") ? ", NOT ANNOUNCED" : "");
    }
    const json peers = list(status, "peers");
    for (const json& peer : peers) {
        out += fmt::format("peer     {}\n", peer_text(peer));
    }
    out += health_text(part(status, "health"));
    if (!peers.empty()) {
        out += fmt::format("share    {}\n", share_text(part(status, "share")));
    }
    if (const json placed = part(status, "placement"); text(placed, "digest") != no_rules) {
        out += fmt::format("placed   by {} ranges and {} weights, {}{}\n", text(placed, "ranges"),
                           text(placed, "weights"), text(placed, "digest"), not_here_text(placed));
    }
    if (const json access = part(status, "access"); text(access, "digest") != no_rules) {
        out += "access   " + show_access_state(access);
    }
    out += fmt::format("flows    {} here, {} relayed, {} provisional, {} closing\n",
                       text(flows, "here"), text(flows, "relayed"), text(flows, "provisional"),
                       text(flows, "closing"));
    const json served = part(status, "served");
    out += fmt::format("served   {} TCP and {} UDP flows by this site's servers\n",
                       text(served, "tcp"), text(served, "udp"));
    if (const json copies = part(status, "copies"); !peers.empty()) {
        out += fmt::format("copies   {} UDP flows wait to be copied to peers, {} ms\n",
                           text(copies, "waiting"), text(copies, "oldest_ms"));
    }
    for (const json& order : list(status, "disabled")) {
        out += fmt::format("disabled {}\n", show_disabled(order));
    }
    if (const json idle = part(status, "idle_reset"); !list(idle, "peers").empty()) {
        out += idle_reset_text(idle);
    }
    out += orders_text(part(status, "orders"));
    out += epochs_text(status);
    const json services = list(status, "services");
    return out + lines_table(list(status, "lines")) + ports_table(list(status, "ports")) +
           (services.empty() ? "" : services_table(services));
}

// Whatever it counts: groups first, then lists.  See `vipd counters`.
std::string show_stats(const json& stats) {
    std::string groups, lists;
    for (const auto& [key, value] : stats.items()) {
        if (value.is_object()) {
            groups += counters_rows(key, value, key != "drops");
        } else if (value.is_array()) {
            lists += counters_table(value);
        } else if (value.is_number()) {
            groups += fmt::format("{:<15} {:<28} {:>14}\n", key, "", value.dump());
        }
    }
    return groups + lists;
}

std::string show_origins(const json& origins) {
    std::string out;
    for (const json& row : list(origins, "settings")) {
        const json value = row.value("value", json());
        const std::string by =
            text(row, "from") == "order"
                ? fmt::format("order of uid {} at {}", text(row, "uid"), text(row, "at"))
                : text(row, "from");
        const std::string shown = value.is_object() ? share_text(value) : text(row, "value");
        out += fmt::format("{:<32} {:<44} {}\n", text(row, "setting"), shown, by);
    }
    return out;
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

std::string show_confirm(const json&) {
    return "confirmed: the prefixes that can be served are announced\n";
}

std::string show_left_out(const json& answer) {
    const std::string left_out = names(answer, "left_out");
    return left_out.empty()
               ? ""
               : "NOT AT " + left_out +
                     ": once back, `vipctl status` names it until the order is given again\n";
}

std::string show_disabled(const json& order) {
    std::string out =
        fmt::format("{} {} {}", text(order, "mode"), text(order, "level"), text(order, "name"));
    if (order.is_object() && order.value("known", json()) == false) {
        return out + ": NOT IN THE CONFIGURATION";
    }
    const std::string course = text(order, "course");
    if (course != "-") {
        out +=
            fmt::format(", {} at {} a second: {} TCP flows reset, {} UDP flows forgotten", course,
                        text(order, "rate"), text(order, "reset"), text(order, "forgotten"));
    }
    const std::string left = text(order, "left");
    out += fmt::format("{} {} left", course == "-" ? ":" : ";",
                       left == "-" ? "not counted yet what is" : left + " flows are");
    if (course == "running" && text(order, "end_s") != "-") {
        out += fmt::format(", done in about {:.0f} s", order.value("end_s", 0.0));
    }
    return out;
}

std::string show_disabled_order(const json& answer) {
    const std::string what = text(answer, "level") + " " + text(answer, "name");
    const json now = part(answer, "disabled"), before = part(answer, "before");
    std::string out = (now.empty() ? what + " is enabled" : show_disabled(now)) + "\n";
    if (!before.empty()) {
        out += "in place of: " + show_disabled(before) + "\n";
    }
    for (const json& at : list(answer, "elsewhere")) {
        out += text(at, "gateway") + ": " + show_disabled(part(at, "disabled")) + "\n";
    }
    const std::string told = names(answer, "told");
    return out + (told.empty() ? "" : "in force at " + told + "\n") + show_left_out(answer) +
           (flag(answer, "holds") ? "" : "another order has come meanwhile: see above\n");
}

}  // namespace rehome::vipctl
