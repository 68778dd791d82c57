#include "vipd/state/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace rehome::vipd {

namespace {

auto place(const LineConfig& line) {
    return std::tuple(line.carrier, line.port, line.vlan, line.address, line.peer);
}

std::vector<Error> changed_lines(const Config& from, const Config& to) {
    std::vector<Error> errors;
    const auto wrong = [&](const std::string& carrier, const char* what) {
        errors.push_back({Exit::no, "/lines",
                          fmt::format("the line of \"{}\" {} while vipd runs, expected a restart",
                                      carrier, what)});
    };
    for (const LineConfig& line : from.lines) {
        const LineConfig* now = to.line(line.carrier);
        if (now == nullptr) {
            wrong(line.carrier, "cannot go");
        } else if (place(*now) != place(line)) {
            wrong(line.carrier, "cannot change");
        }
    }
    for (const LineConfig& line : to.lines) {
        // A port is opened with or without them.
        if (from.line(line.carrier) == nullptr && line.vlan != 0 && line.port < from.ports.size() &&
            !from.has_vlans(line.port)) {
            wrong(line.carrier, "cannot bring the first VLAN to its port");
        }
    }
    return errors;
}

const PeerConfig* peer(const Config& config, const std::string& gateway) {
    const auto found = std::find_if(config.peers.begin(), config.peers.end(),
                                    [&](const PeerConfig& one) { return one.gateway == gateway; });
    return found == config.peers.end() ? nullptr : &*found;
}

std::vector<Error> changed_peers(const Config& from, const Config& to) {
    std::vector<Error> errors;
    for (const PeerConfig& one : from.peers) {
        const PeerConfig* now = peer(to, one.gateway);
        if (now == nullptr || now->site != one.site || now->tunnel != one.tunnel) {
            errors.push_back({Exit::no, "/inventory",
                              fmt::format("gateway \"{}\" cannot {} while vipd runs, expected a "
                                          "restart",
                                          one.gateway, now == nullptr ? "go" : "change")});
        }
    }
    return errors;
}

// By their names; the new ones stay in the order in which they come.
template <typename Item>
void arrange(const std::vector<Item>& from, std::vector<Item>& to, std::string Item::*name) {
    const auto number = [&](const Item& item) {
        return std::find_if(from.begin(), from.end(),
                            [&](const Item& other) { return other.*name == item.*name; }) -
               from.begin();
    };
    std::stable_sort(to.begin(), to.end(),
                     [&](const Item& a, const Item& b) { return number(a) < number(b); });
}

}  // namespace

std::vector<Error> needs_restart(const Config& from, const Config& to) {
    std::vector<Error> errors;
    const auto same = [&](bool is_same, const char* pointer, const char* what) {
        if (!is_same) {
            errors.push_back(
                {Exit::no, pointer,
                 fmt::format("{} cannot change while vipd runs, expected a restart", what)});
        }
    };
    same(from.gateway == to.gateway, "/gateway", "the gateway");
    same(from.control == to.control, "/control", "the control socket");
    same(from.orders.path == to.orders.path, "/orders/path", "the file of orders");
    same(from.reset_log == to.reset_log, "/reset_log", "the log of resets");
    same(from.memory == to.memory, "/memory", "the memory");
    same(from.has_keys() == to.has_keys(), "/keys",
         "whether there are keys, which make the tunnel's packets longer,");
    same(from.workers == to.workers, "/workers", "the workers");
    same(from.flows.capacity == to.flows.capacity, "/flows/capacity", "the table of flows");
    same(from.flows.half_open == to.flows.half_open, "/flows/half_open",
         "the table of half-open flows");
    same(from.fragments == to.fragments, "/fragments", "the memory for fragments");
    same(from.ports == to.ports, "/ports", "a port");
    same(from.tunnel == to.tunnel, "/inventory", "this gateway's tunnel");
    same(from.pools.size() <= to.pools.size() &&
             std::equal(from.pools.begin(), from.pools.end(), to.pools.begin()),
         "/pools", "a pool, apart from others behind it,");
    for (const auto& more : {changed_lines(from, to), changed_peers(from, to)}) {
        errors.insert(errors.end(), more.begin(), more.end());
    }
    return errors;
}

Config arranged(const Config& from, Config to) {
    arrange(from.lines, to.lines, &LineConfig::carrier);
    arrange(from.peers, to.peers, &PeerConfig::gateway);
    return to;
}

}  // namespace rehome::vipd
