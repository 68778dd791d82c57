#include "vipd/watch/changes.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "vipd/state/link_size.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr size_t longest = 200;  // characters of one value

bool is_order(const json& value) {
    return value.is_object() && value.contains("at") && value.contains("uid");
}

// What tells the items of a list apart.
constexpr std::array<const char*, 9> name_keys{"level",   "what", "name",   "carrier", "line",
                                               "service", "vip",  "server", "site"};

std::string name_of(const json& item, size_t index) {
    std::string name;
    for (const char* key : name_keys) {
        const json value = item.is_object() ? item.value(key, json()) : json();
        if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
            name += (name.empty() ? "" : "/") + value.get<std::string>();
        }
    }
    return name.empty() ? fmt::to_string(index) : name;
}

// Every order by where it stands: "share", "lines red".
void collect(const json& value, const std::string& at, std::map<std::string, json>& orders) {
    if (is_order(value)) {
        orders[at] = value;
        return;
    }
    const std::string before = at.empty() ? "" : at + " ";
    if (value.is_object()) {
        for (const auto& [key, part] : value.items()) {
            collect(part, before + key, orders);
        }
    } else if (value.is_array()) {
        for (size_t i = 0; i < value.size(); ++i) {
            collect(value[i], before + name_of(value[i], i), orders);
        }
    }
}

// Without who has said it, and when.
std::string words(const json& order) {
    std::string text;
    for (const auto& [key, value] : order.items()) {
        if (key != "at" && key != "uid") {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key,
                                value.is_string() ? value.get<std::string>() : value.dump());
        }
    }
    return text.size() > longest ? text.substr(0, longest) + "..." : text;
}

std::string_view word(const Snapshot::Peer& peer) {
    return peer.up       ? "alive"
           : peer.heard  ? "heard, and does not hear us"
           : peer.silent ? "silent"
                         : "down";
}

std::string bytes_text(uint16_t link_mtu) {
    return link_mtu == 0 ? "?" : fmt::to_string(link_mtu);
}

void add_peers(const Snapshot& before, const Snapshot& after, LogLines& lines) {
    static const Snapshot::Peer unknown;
    for (size_t i = 0; i < after.peers.size(); ++i) {
        const Snapshot::Peer& was = i < before.peers.size() ? before.peers[i] : unknown;
        const Snapshot::Peer& is = after.peers[i];
        const std::string& name = after.config->peers[i].gateway;
        if (word(was) != word(is)) {
            lines.push_back(fmt::format("peer {}: {} -> {}", name, word(was), word(is)));
        }
        if (is.narrow && !was.narrow) {
            lines.push_back(fmt::format(
                "the link to gateway {} is narrow ({} bytes there, {} back, of {}): no new flow is "
                "relayed there",
                name, bytes_text(is.link_mtu), bytes_text(is.link_mtu_back),
                whole_link_mtu(after.config->tunnel->address.family, after.config->has_keys())));
        } else if (was.narrow && !is.narrow) {
            lines.push_back(fmt::format("the link to gateway {} is narrow no more", name));
        }
    }
}

void add_lines(const Snapshot& before, const Snapshot& after, LogLines& lines) {
    for (size_t i = 0; i < after.lines.size() && i < before.lines.size(); ++i) {
        const LineState was = before.lines[i], is = after.lines[i];
        if (was != is && was != LineState::disabled && is != LineState::disabled) {
            lines.push_back(fmt::format("line {}: {} -> {}", after.config->lines[i].carrier,
                                        name(was), name(is)));
        }
    }
}

std::string_view word(const Snapshot& snapshot, const Prefix& prefix) {
    return !snapshot.served->has(prefix) ? "not served"
           : snapshot.holds_routes       ? "served"
                                         : "served, not announced until it is confirmed";
}

void add_prefixes(const Snapshot& before, const Snapshot& after, LogLines& lines) {
    if (before.served == after.served && before.holds_routes == after.holds_routes) {
        return;
    }
    std::set<Prefix> all;
    for (const Snapshot* snapshot : {&before, &after}) {
        const auto& prefixes = snapshot->tables->prefixes();
        all.insert(prefixes.begin(), prefixes.end());
    }
    for (const Prefix& prefix : all) {
        if (word(before, prefix) != word(after, prefix)) {
            lines.push_back(fmt::format("prefix {}: {} -> {}", prefix.text(), word(before, prefix),
                                        word(after, prefix)));
        }
    }
}

}  // namespace

LogLines order_changes(const json& before, const json& after, std::optional<uint32_t> by) {
    std::map<std::string, json> was, is;
    collect(before, "", was);
    collect(after, "", is);
    LogLines lines;
    for (const auto& [at, order] : is) {
        const auto old = was.find(at);
        if (old != was.end() && old->second == order) {
            continue;
        }
        const bool said_before = old != was.end() && old->second["at"] == order["at"] &&
                                 old->second["uid"] == order["uid"];
        const std::string who =
            said_before ? "" : fmt::format(", ordered by uid {}", order["uid"].dump());
        lines.push_back(fmt::format("{}: {} -> {}{}", at,
                                    old == was.end() ? "no order" : words(old->second),
                                    words(order), who));
    }
    for (const auto& [at, order] : was) {
        if (!is.contains(at)) {
            lines.push_back(fmt::format("{}: {} -> no order{}", at, words(order),
                                        by ? fmt::format(", ordered by uid {}", *by) : ""));
        }
    }
    return lines;
}

std::string reload_change(const json& before, const json& after, uint32_t by) {
    std::string text;
    const json none;
    const auto told = [](const json& value) {
        return value.is_null()    ? std::string("none")
               : value.is_array() ? fmt::to_string(value.size())
                                  : value.dump();
    };
    std::set<std::string> keys;
    for (const json* config : {&before, &after}) {
        for (const auto& [key, value] : config->items()) {
            keys.insert(key);
        }
    }
    for (const std::string& key : keys) {
        const json& was = before.contains(key) ? before[key] : none;
        const json& is = after.contains(key) ? after[key] : none;
        if (was != is) {
            const std::string a = told(was), b = told(is);
            text += fmt::format("{}{}", text.empty() ? "" : ", ", key);
            text += a == b || a.size() + b.size() > longest ? std::string(" others")
                                                            : fmt::format(" {} -> {}", a, b);
        }
    }
    return fmt::format("configuration: {}, reloaded by uid {}", text.empty() ? "the same" : text,
                       by);
}

LogLines observed_changes(const Snapshot& before, const Snapshot& after) {
    LogLines lines;
    add_peers(before, after, lines);
    add_lines(before, after, lines);
    add_prefixes(before, after, lines);
    return lines;
}

}  // namespace rehome::vipd
