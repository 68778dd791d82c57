#include "lbsync/plan/pairs.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

tl::unexpected<std::vector<Error>> wrong(std::string what) {
    return tl::unexpected(std::vector<Error>{{Exit::usage, "inventory", std::move(what)}});
}

// The port, and its VLAN's own interface.
template <typename Link>
void add_link(Interfaces& interfaces, const Link& from, const Link& to) {
    const auto name = [](const Link& link) {
        return link.vlan == 0 ? link.port : fmt::format("{}.{}", link.port, link.vlan);
    };
    add_once(interfaces, from.port, to.port);
    if (from.vlan != 0 || to.vlan != 0) {
        add_once(interfaces, name(from), name(to));
    }
}

Interfaces interfaces_of(const GatewayPair& pair, const Move& move) {
    Interfaces interfaces;
    add_link(interfaces, *pair.from->tunnel, *pair.to->tunnel);
    for (const Line& line : move.from->lines) {
        if (line.gateway != pair.from->name) {
            continue;
        }
        if (const Line* other = counterpart(line, pair, *move.to)) {
            add_link(interfaces, line, *other);
        }
    }
    return interfaces;
}

// Collects host pairs, each once; a host has one counterpart, and is nobody's own.
class HostPairs {
public:
    void add(HostPair pair) {
        if (pair.from == pair.to) {
            wrong(pair.from + " is a host of both sites, expected two hosts");
            return;
        }
        for (const HostPair& known : pairs_) {
            if (known.from == pair.from && known.to == pair.to) {
                return;
            }
            if (known.from == pair.from || known.to == pair.to) {
                wrong(fmt::format("{} is paired with {}, and {} with {}, expected pairs one to one",
                                  known.from, known.to, pair.from, pair.to));
                return;
            }
        }
        pairs_.push_back(std::move(pair));
    }

    std::vector<HostPair> take() { return std::move(pairs_); }
    std::vector<Error>& errors() { return errors_; }

private:
    void wrong(std::string what) { errors_.push_back({Exit::usage, "inventory", std::move(what)}); }

    std::vector<HostPair> pairs_;
    std::vector<Error> errors_;
};

void add_servers(const Inventory& inventory, const Move& move, HostPairs& hosts, Pairs& pairs) {
    for (const Service& service : inventory.services) {
        for (const Server& server : service.servers) {
            const std::string& from = move.old_place(server).host;
            const std::string& to = move.new_place(server).host;
            if (!from.empty() && !to.empty()) {
                hosts.add({from, to, {}});
                continue;
            }
            std::string skipped = fmt::format(
                "server {} of service {}: its rules are not carried, the inventory names no host "
                "for it at site {}",
                server.name, service.name, from.empty() ? move.from->name : move.to->name);
            pairs.skipped.push_back(std::move(skipped));
        }
    }
}

}  // namespace

const Placement& Move::old_place(const Server& server) const {
    return back ? server.to : server.from;
}

const Placement& Move::new_place(const Server& server) const {
    return back ? server.from : server.to;
}

Checked<Move> choose_move(const Inventory& inventory, std::string_view from, std::string_view to) {
    Move move{&inventory.old_site(), &inventory.new_site(), false};
    if (from.empty() && to.empty()) {
        return move;
    }
    if (from == inventory.from && to == inventory.to) {
        return move;
    }
    if (from == inventory.to && to == inventory.from) {
        std::swap(move.from, move.to);
        move.back = true;
        return move;
    }
    return wrong(fmt::format(
        "--from {0} --to {1} is no move of it, expected --from {2} --to {3} "
        "or --from {3} --to {2}",
        from.empty() ? "?" : from, to.empty() ? "?" : to, inventory.from, inventory.to));
}

const Line* counterpart(const Line& line, const GatewayPair& pair, const Site& other) {
    const auto found = std::find_if(other.lines.begin(), other.lines.end(), [&](const Line& at) {
        return at.carrier == line.carrier && at.gateway == pair.to->name;
    });
    return found == other.lines.end() ? nullptr : &*found;
}

Checked<Pairs> make_pairs(const Inventory& inventory, const Move& move) {
    if (move.from->gateways.size() != move.to->gateways.size()) {
        return wrong(fmt::format(
            "site {} has {} gateways and site {} has {}, expected as many, to pair them in order",
            move.from->name, move.from->gateways.size(), move.to->name, move.to->gateways.size()));
    }
    Pairs pairs;
    HostPairs hosts;
    for (size_t i = 0; i < move.from->gateways.size(); ++i) {
        const GatewayPair pair{&move.from->gateways[i], &move.to->gateways[i]};
        hosts.add({pair.from->host, pair.to->host, interfaces_of(pair, move)});
        pairs.gateways.push_back(pair);
    }
    add_servers(inventory, move, hosts, pairs);
    if (!hosts.errors().empty()) {
        return tl::unexpected(std::move(hosts.errors()));
    }
    pairs.hosts = hosts.take();
    return pairs;
}

}  // namespace rehome::lbsync
