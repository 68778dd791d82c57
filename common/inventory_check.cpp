// One function a part of the file, in the order of the file.  All are at most n log n but for the
// lookups of few things (sites, carriers, prefixes), which the schema keeps few.
#include "common/inventory_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "common/bird_name.h"

namespace rehome {

namespace {

// Ports that one address can connect from to one server at a time, by Linux's
// net.ipv4.ip_local_port_range.
constexpr uint64_t sessions_per_source = 28'232;

// The first few, so that a line stays one that a person reads.
template <typename T, typename Text>
std::string list_of(const std::vector<T>& things, Text text_of) {
    constexpr size_t most = 8;
    std::string text;
    for (size_t i = 0; i < std::min(things.size(), most); ++i) {
        text += (i == 0 ? "" : ", ") + text_of(things[i]);
    }
    return things.size() > most ? text + ", ..." : text;
}

template <typename T>
std::string names_of(const std::vector<T>& things) {
    return list_of(things, [](const T& thing) { return thing.name; });
}

std::string prefixes_of(const std::vector<Prefix>& prefixes) {
    return list_of(prefixes, [](const Prefix& prefix) { return prefix.text(); });
}

std::string_view family_name(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

bool any_contains(const std::vector<Prefix>& prefixes, const Address& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&address](const Prefix& prefix) { return prefix.contains(address); });
}

// The addresses that hosts can have there, without an IPv4 subnet's first and last; at most 2^32.
uint64_t hosts_in(const Prefix& prefix) {
    const unsigned host_bits = std::min(prefix.address.bits() - prefix.length, 32u);
    const uint64_t all = uint64_t{1} << host_bits;
    return prefix.address.family == Family::v4 && host_bits > 1 ? all - 2 : all;
}

// Keys that may stand once; remembers where each stood first.
template <typename Key>
class Unique {
public:
    Unique(const Mistakes& before, Mistakes& mistakes) : before_(before), mistakes_(mistakes) {}

    void add(const Key& key, const std::string& pointer, const std::string& shown) {
        if (before_.has(pointer)) {
            return;
        }
        const auto [first, fresh] = first_.emplace(key, pointer);
        if (!fresh) {
            mistakes_.add(pointer, fmt::format("{} stands at {} already, expected another", shown,
                                               first->second));
        }
    }

private:
    const Mistakes& before_;
    Mistakes& mistakes_;
    std::map<Key, std::string> first_;
};

class Check {
public:
    Check(const Inventory& inventory, Mistakes& mistakes)
        : inventory_(inventory),
          before_(mistakes),
          mistakes_(mistakes),
          names_(before_, mistakes),
          tunnels_(before_, mistakes) {
        move_known_ = is_known("/move") && is_known("/move/from") && is_known("/move/to");
        prefixes_known_ = is_known("/prefixes", inventory.prefixes.size());
        for (size_t i = 0; i < inventory.sites.size(); ++i) {
            networks_known_.push_back(is_known(pointer_to("/sites", i) + "/networks",
                                               inventory.sites[i].networks.size()));
        }
        for (size_t i = 0; i < inventory.carriers.size(); ++i) {
            clients_known_.push_back(is_known(pointer_to("/carriers", i) + "/clients",
                                              inventory.carriers[i].clients.size()));
        }
    }

    void all() {
        move();
        prefixes();
        sites();
        carriers();
        services();
        logins();
    }

private:
    bool is_known(const std::string& pointer) const { return !before_.has(pointer); }

    // Whether nothing is wrong with the list nor with any of its items.
    bool is_known(const std::string& pointer, size_t size) const {
        for (size_t i = 0; i < size; ++i) {
            if (before_.has(pointer_to(pointer, i))) {
                return false;
            }
        }
        return is_known(pointer);
    }

    // kind: what shares names with nothing else, such as all gateways.
    void unique_name(const std::string& kind, const std::string& name, const std::string& at) {
        names_.add({kind, name}, at + "/name", in_quotes(name));
    }

    // A name refers to one of the things of a list.  Where one of theirs could not be read it may
    // be the one that is meant.
    template <typename T>
    void refers(const std::string& pointer, const std::string& name, std::string_view kind,
                const std::vector<T>& things, const std::string& things_at) {
        bool found = !is_known(things_at);
        for (size_t i = 0; i < things.size() && !found; ++i) {
            found = things[i].name == name || !is_known(pointer_to(things_at, i) + "/name");
        }
        if (is_known(pointer) && !found) {
            mistakes_.add(pointer, fmt::format("{} is no {}, expected one of {}", in_quotes(name),
                                               kind, names_of(things)));
        }
    }

    // What nobody asks for where nothing moves.
    void moving(const std::string& pointer, bool is_there) {
        if (move_known_ && inventory_.moves() && !is_there && is_known(pointer)) {
            mistakes_.add(pointer, "is missing, expected it where something moves (/move)");
        }
    }

    void move() {
        if (!inventory_.moves()) {
            return;
        }
        refers("/move/from", inventory_.from, "site", inventory_.sites, "/sites");
        refers("/move/to", inventory_.to, "site", inventory_.sites, "/sites");
        if (is_known("/move/from") && is_known("/move/to") && inventory_.from == inventory_.to) {
            mistakes_.add("/move/to", "is the same site as /move/from, expected another");
        }
    }

    // Sorted by address, then length, what overlaps a prefix follows it directly: two prefixes
    // either lie one in the other or have nothing in common.
    void prefixes() {
        const auto& prefixes = inventory_.prefixes;
        std::vector<size_t> order(prefixes.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return prefixes[a] < prefixes[b]; });
        const size_t* outer = nullptr;
        for (const size_t& index : order) {
            const std::string pointer = pointer_to("/prefixes", index);
            if (!is_known(pointer)) {
                continue;
            }
            if (outer != nullptr && prefixes[*outer].contains(prefixes[index])) {
                mistakes_.add(pointer,
                              fmt::format("{} overlaps {}, expected prefixes apart",
                                          prefixes[index].text(), prefixes[*outer].text()));
            } else {
                outer = &index;
            }
        }
    }

    void sites() {
        for (size_t i = 0; i < inventory_.sites.size(); ++i) {
            const Site& site = inventory_.sites[i];
            const std::string at = pointer_to("/sites", i);
            unique_name("site", site.name, at);
            moving(at + "/asn", site.asn != 0);
            networks(site, at + "/networks");
            for (size_t j = 0; j < site.gateways.size(); ++j) {
                gateway(site.gateways[j], pointer_to(at + "/gateways", j));
            }
            Unique<std::pair<std::string, std::string>> lines(before_, mistakes_);
            Unique<std::tuple<std::string, std::string, uint16_t, Address>> ends(before_,
                                                                                 mistakes_);
            for (size_t j = 0; j < site.lines.size(); ++j) {
                const std::string line_at = pointer_to(at + "/lines", j);
                line(site.lines[j], site, line_at);
                lines.add({site.lines[j].carrier, site.lines[j].gateway}, line_at + "/carrier",
                          in_quotes(site.lines[j].carrier) + " on this gateway");
                far_end(site.lines[j], line_at, ends);
                bird(site.lines[j], site, line_at);
            }
        }
    }

    // Clients come from elsewhere: a source in the site's own networks is forged.
    void networks(const Site& site, const std::string& at) {
        for (size_t i = 0; i < site.networks.size(); ++i) {
            if (site.networks[i].length == 0 && is_known(pointer_to(at, i))) {
                mistakes_.add(pointer_to(at, i),
                              site.networks[i].text() + " is everybody's, expected the site's own");
            }
        }
    }

    void gateway(const Gateway& gateway, const std::string& at) {
        unique_name("gateway", gateway.name, at);
        moving(at + "/host", !gateway.host.empty());
        moving(at + "/vipd", !gateway.vipd_config.empty() || !is_known(at + "/vipd/config"));
        if (gateway.tunnel) {
            const Address& address = gateway.tunnel->address;
            tunnels_.add(address, at + "/tunnel/address", address.text());
        } else if (is_known(at + "/tunnel") && several_gateways()) {
            mistakes_.add(at + "/tunnel",
                          "is missing, expected this gateway's end of the tunnels to the others");
        }
    }

    bool several_gateways() const {
        const auto& sites = inventory_.sites;
        return std::transform_reduce(sites.begin(), sites.end(), size_t{0}, std::plus<>(),
                                     [](const Site& site) { return site.gateways.size(); }) > 1;
    }

    void line(const Line& line, const Site& site, const std::string& at) {
        refers(at + "/carrier", line.carrier, "carrier", inventory_.carriers, "/carriers");
        refers(at + "/gateway", line.gateway, "gateway of this site", site.gateways,
               at.substr(0, at.find("/lines/")) + "/gateways");
        moving(at + "/peer_asn", line.peer_asn != 0);
        if (!is_known(at + "/address") || !is_known(at + "/peer")) {
            return;
        }
        if (line.peer == line.address.address) {
            mistakes_.add(at + "/peer", "is this gateway's own address, expected the carrier's");
        } else if (!line.address.subnet().contains(line.peer)) {
            mistakes_.add(at + "/peer",
                          fmt::format("{} is outside the line's subnet, expected one in {}",
                                      line.peer.text(), line.address.subnet().text()));
        }
    }

    // What comes in by a line is told apart by port, VLAN and peer.
    template <typename Ends>
    void far_end(const Line& line, const std::string& at, Ends& ends) {
        if (is_known(at + "/gateway") && is_known(at + "/port") && is_known(at + "/vlan")) {
            const std::string vlan = line.vlan == 0 ? "" : fmt::format(" VLAN {}", line.vlan);
            ends.add({line.gateway, line.port, line.vlan, line.peer}, at + "/peer",
                     fmt::format("{} on port {}{} of this gateway", line.peer.text(),
                                 in_quotes(line.port), vlan));
        }
    }

    // The constant state_CARRIER and the sessions, where the gateway has a BIRD.
    void bird(const Line& line, const Site& site, const std::string& at) {
        const auto& gateways = site.gateways;
        const bool has_bird =
            std::any_of(gateways.begin(), gateways.end(), [&line](const Gateway& gateway) {
                return gateway.name == line.gateway && !gateway.bird_socket.empty();
            });
        if (!has_bird || !is_known(at + "/carrier")) {
            return;
        }
        if (const auto why = why_no_bird_name("state_" + line.carrier); !why.empty()) {
            mistakes_.add(at + "/carrier", fmt::format("{} makes no name for BIRD (state_{}): {}",
                                                       in_quotes(line.carrier), line.carrier, why));
            return;
        }
        for (size_t i = 0; i < line.bird_sessions.size(); ++i) {
            const std::string& session = line.bird_sessions[i];
            const auto why = why_no_bird_name(session);
            const std::string session_at =
                session == line.carrier ? at + "/carrier" : pointer_to(at + "/bird/sessions", i);
            if (!why.empty() && is_known(session_at)) {
                mistakes_.add(session_at, fmt::format("{} is no name of a session for BIRD: {}",
                                                      in_quotes(session), why));
            }
        }
    }

    void carriers() {
        for (size_t i = 0; i < inventory_.carriers.size(); ++i) {
            const Carrier& carrier = inventory_.carriers[i];
            const std::string at = pointer_to("/carriers", i);
            unique_name("carrier", carrier.name, at);
            moving(at + "/vantage", carrier.vantage.has_value());
            moving(at + "/clients", !carrier.clients.empty());
            if (carrier.vantage) {
                families(*carrier.vantage, at + "/vantage");
            }
            if (carrier.vantage && !carrier.clients.empty() && clients_known_[i]) {
                source(carrier, carrier.vantage->source, at + "/vantage/source");
            }
            if (carrier.vantage && carrier.vantage->source6 && !carrier.clients.empty() &&
                clients_known_[i]) {
                source(carrier, *carrier.vantage->source6, at + "/vantage/source6");
            }
        }
    }

    void families(const Vantage& vantage, const std::string& at) {
        const bool known = is_known(at + "/source") && is_known(at + "/source6");
        if (known && vantage.source6 &&
            (vantage.source.family != Family::v4 || vantage.source6->family != Family::v6)) {
            mistakes_.add(at + "/source6",
                          fmt::format("is {} beside the source {}, expected an IPv6 address "
                                      "beside an IPv4 one",
                                      vantage.source6->text(), vantage.source.text()));
        }
    }

    void source(const Carrier& carrier, const Address& source, const std::string& at) {
        if (is_known(at) && !any_contains(carrier.clients, source)) {
            mistakes_.add(at, fmt::format("{} is outside the carrier's clients, expected one in {}",
                                          source.text(), prefixes_of(carrier.clients)));
        }
    }

    void services() {
        Unique<std::tuple<Address, Protocol, uint16_t>> ports(before_, mistakes_);
        moving("/services", !inventory_.services.empty());
        for (size_t i = 0; i < inventory_.services.size(); ++i) {
            const Service& service = inventory_.services[i];
            const std::string at = pointer_to("/services", i);
            unique_name("service", service.name, at);
            vip(service, at);
            if (is_known(at + "/vip") && is_known(at + "/protocol")) {
                ports.add({service.vip, service.protocol, service.port}, at + "/port",
                          fmt::format("{} port {} of {}", name(service.protocol), service.port,
                                      service.vip.text()));
            }
            moving(at + "/servers", !service.servers.empty());
            if (move_known_ && !inventory_.moves() && !service.servers.empty()) {
                mistakes_.add(at + "/servers",
                              "is given, expected none where nothing moves: gateways have servers "
                              "of their own in vipd.json");
                continue;
            }
            for (size_t j = 0; j < service.servers.size(); ++j) {
                server(service, service.servers[j], pointer_to(at + "/servers", j));
            }
        }
    }

    void vip(const Service& service, const std::string& at) {
        const auto& prefixes = inventory_.prefixes;
        if (is_known(at + "/vip") && prefixes_known_ && !any_contains(prefixes, service.vip)) {
            mistakes_.add(at + "/vip",
                          fmt::format("{} is outside every prefix that moves, expected "
                                      "one in {}",
                                      service.vip.text(), prefixes_of(prefixes)));
        }
    }

    void server(const Service& service, const Server& server, const std::string& at) {
        // Names are the service's own: at's parent is the list.
        unique_name(at.substr(0, at.rfind('/')), server.name, at);
        placement(service, server.from.address, inventory_.from, at + "/old/address");
        placement(service, server.to.address, inventory_.to, at + "/new/address");
    }

    void placement(const Service& service, const Address& address, const std::string& site_name,
                   const std::string& at) {
        if (!is_known(at)) {
            return;
        }
        const std::string vip_at = at.substr(0, at.find("/servers/")) + "/vip";
        if (is_known(vip_at) && address.family != service.vip.family) {
            mistakes_.add(
                at, fmt::format("{} is {}, expected {} like the service's VIP", address.text(),
                                family_name(address.family), family_name(service.vip.family)));
            return;
        }
        const Site* site = inventory_.site(site_name);
        if (site == nullptr) {
            return;  // told at /move
        }
        const auto index = static_cast<size_t>(site - inventory_.sites.data());
        if (networks_known_[index] && !any_contains(site->networks, address)) {
            mistakes_.add(at, fmt::format("{} is outside site {}, expected one in {}",
                                          address.text(), site_name, prefixes_of(site->networks)));
        }
    }

    void logins() {
        for (size_t i = 0; i < inventory_.logins.size(); ++i) {
            const Login& login = inventory_.logins[i];
            const std::string at = pointer_to("/logins", i);
            unique_name("login", login.name, at);
            refers(at + "/service", login.service, "service", inventory_.services, "/services");
            sessions(login, at);
            sources(login, at);
        }
    }

    // Sources must have enough ports for their sessions.
    void sessions(const Login& login, const std::string& at) {
        const std::string shared_at = at + "/shared_source_sessions";
        if (!is_known(at + "/sessions_per_carrier") || !is_known(at + "/sources_per_carrier") ||
            !is_known(shared_at)) {
            return;
        }
        if (login.shared_source_sessions > login.sessions_per_carrier) {
            mistakes_.add(shared_at,
                          fmt::format("is {}, expected at most sessions_per_carrier, {}",
                                      login.shared_source_sessions, login.sessions_per_carrier));
            return;
        }
        if (login.shared_source_sessions > sessions_per_source) {
            mistakes_.add(shared_at,
                          fmt::format("is {}, expected at most {}, the ports of a source",
                                      login.shared_source_sessions, sessions_per_source));
        }
        // With one source all are behind it.
        const bool alone = login.sources_per_carrier == 1;
        const uint64_t rest =
            login.sessions_per_carrier - (alone ? 0 : login.shared_source_sessions);
        const uint64_t bearable =
            sessions_per_source * (alone ? 1 : login.sources_per_carrier - uint64_t{1});
        if (rest > bearable) {
            mistakes_.add(at + "/sessions_per_carrier",
                          fmt::format("{} sessions are more than {} sources can bear, expected at "
                                      "most {}",
                                      login.sessions_per_carrier, login.sources_per_carrier,
                                      bearable + login.sessions_per_carrier - rest));
        }
    }

    void sources(const Login& login, const std::string& at) {
        const std::string sources_at = at + "/sources_per_carrier";
        for (size_t i = 0; i < inventory_.carriers.size(); ++i) {
            const auto& clients = inventory_.carriers[i].clients;
            const uint64_t there = std::transform_reduce(clients.begin(), clients.end(),
                                                         uint64_t{0}, std::plus<>(), hosts_in);
            if (is_known(sources_at) && clients_known_[i] && !clients.empty() &&
                login.sources_per_carrier > there) {
                mistakes_.add(
                    sources_at,
                    fmt::format("is {}, expected at most {}, the clients of carrier {}",
                                login.sources_per_carrier, there, inventory_.carriers[i].name));
            }
        }
    }

    const Inventory& inventory_;
    const Mistakes before_;  // from reading: these values are no base for conclusions
    Mistakes& mistakes_;
    bool move_known_ = false;
    bool prefixes_known_ = false;
    std::vector<bool> networks_known_;  // of each site
    std::vector<bool> clients_known_;   // of each carrier
    Unique<std::pair<std::string, std::string>> names_;
    Unique<Address> tunnels_;
};

}  // namespace

void check_inventory(const Inventory& inventory, Mistakes& mistakes) {
    Check(inventory, mistakes).all();
}

}  // namespace rehome
