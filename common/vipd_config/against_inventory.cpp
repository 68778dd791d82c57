// What lists match is found by what packets meet (VIP, protocol, port; a server's address and port)
// first, and by name for the rest, so that one wrong value is told where it stands.
#include <fmt/format.h>

#include <algorithm>

#include "common/vipd_config/check.h"
#include "common/vipd_config/checker.h"

namespace rehome::vipd {

namespace {

// One of the inventory's servers, as it stands at this gateway's site.
struct Wanted {
    std::string name;
    Endpoint at;
    uint32_t weight = 1;
};

std::string text_of(const Service& service) {
    return fmt::format("{} ({} {})", in_quotes(service.name), name(service.protocol),
                       Endpoint{service.vip, service.port}.text());
}

// The same bits behind the server's prefix as behind the VIP's.
Address image_of(const MapConfig& map, const Address& vip) {
    Address image = map.server.address;
    for (unsigned bit = map.vip.length; bit < vip.bits(); ++bit) {
        const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
        image.bytes[bit / 8] =
            static_cast<uint8_t>(image.bytes[bit / 8] | (vip.bytes[bit / 8] & mask));
    }
    return image;
}

class Comparison {
public:
    Comparison(const Config& config, const Inventory& inventory, const Site& site,
               Mistakes& mistakes)
        : config_(config),
          inventory_(inventory),
          site_(site),
          mistakes_(mistakes),
          check_(mistakes) {}

    void all() {
        for (size_t i = 0; i < config_.maps.size(); ++i) {
            maps_readable_.push_back(check_.readable("maps", i, "vip_prefix") &&
                                     check_.readable("maps", i, "server_prefix"));
        }
        for (size_t i = 0; i < config_.services.size(); ++i) {
            for (const char* key : {"name", "vip", "protocol", "port"}) {
                all_readable_ = all_readable_ && check_.readable("services", i, key);
            }
        }
        for (size_t i = 0; i < config_.services.size(); ++i) {
            for (size_t k = 0; k < config_.services[i].servers.size(); ++k) {
                in_networks(i, k);
            }
        }
        mapped_in_networks();
        std::vector<bool> taken(config_.services.size());
        std::vector<const Service*> others;
        for (const Service& service : inventory_.services) {
            const auto same = find(taken, [&](const ServiceConfig& own) {
                return own.vip == service.vip && own.protocol == service.protocol &&
                       own.port == service.port;
            });
            if (same) {
                taken[*same] = true;
                named(*same, service);
                servers(*same, service);
            } else {
                others.push_back(&service);
            }
        }
        for (const Service* service : others) {
            const auto same =
                find(taken, [&](const ServiceConfig& own) { return own.name == service->name; });
            if (same) {
                taken[*same] = true;
                elsewhere(*same, *service);
                servers(*same, *service);
            } else if (!mapped(*service)) {
                missing(*service);
            }
        }
        for (size_t i = 0; i < taken.size() && inventory_.moves(); ++i) {
            if (!taken[i] && check_.readable("services", i)) {
                check_.wrong(fmt::format("{} is none of the inventory's services, expected it "
                                         "there: what stands there moves",
                                         in_quotes(config_.services[i].name)),
                             "services", i, "name");
            }
        }
        for (const auto& [pointer, what] : missing_) {
            mistakes_.add(pointer, what);
        }
    }

private:
    template <typename Is>
    std::optional<size_t> find(const std::vector<bool>& taken, Is is) const {
        for (size_t i = 0; i < taken.size(); ++i) {
            if (!taken[i] && is(config_.services[i])) {
                return i;
            }
        }
        return std::nullopt;
    }

    std::string networks() const {
        std::string text;
        for (const Prefix& network : site_.networks) {
            text += (text.empty() ? "" : ", ") + network.text();
        }
        return text;
    }

    template <typename T>
    bool is_outside(const T& what) const {
        return !site_.networks.empty() &&
               std::none_of(site_.networks.begin(), site_.networks.end(),
                            [&](const Prefix& network) { return network.contains(what); });
    }

    void in_networks(size_t service, size_t server) {
        const Address& address = config_.services[service].servers[server].address;
        if (check_.readable("services", service, "servers", server, "address") &&
            is_outside(address)) {
            check_.wrong(fmt::format("{} is outside site {}, expected one in {}", address.text(),
                                     site_.name, networks()),
                         "services", service, "servers", server, "address");
        }
    }

    void mapped_in_networks() {
        for (size_t i = 0; i < config_.maps.size(); ++i) {
            if (check_.readable("maps", i, "server_prefix") && is_outside(config_.maps[i].server)) {
                check_.wrong(fmt::format("{} is outside site {}, expected a part of {}",
                                         config_.maps[i].server.text(), site_.name, networks()),
                             "maps", i, "server_prefix");
            }
        }
    }

    // Nothing where the inventory has no servers for this site.
    std::vector<Wanted> wanted(const Service& service) const {
        std::vector<Wanted> list;
        for (const Server& server : service.servers) {
            if (const Placement* here = inventory_.placement(server, site_.name)) {
                list.push_back({server.name, {here->address, service.server_port}, server.weight});
            }
        }
        return list;
    }

    void named(size_t at, const Service& service) {
        const std::string& own = config_.services[at].name;
        if (own != service.name && check_.readable("services", at, "name")) {
            check_.wrong(fmt::format("is {}, expected {} as in the inventory", in_quotes(own),
                                     in_quotes(service.name)),
                         "services", at, "name");
        }
    }

    void elsewhere(size_t at, const Service& service) {
        const ServiceConfig& own = config_.services[at];
        const auto differs = [&](const char* key, const std::string& is,
                                 const std::string& expected) {
            if (is != expected && check_.readable("services", at, key)) {
                check_.wrong(fmt::format("is {}, expected {} as in the inventory", is, expected),
                             "services", at, key);
            }
        };
        differs("vip", own.vip.text(), service.vip.text());
        differs("protocol", std::string(name(own.protocol)), std::string(name(service.protocol)));
        differs("port", fmt::to_string(own.port), fmt::to_string(service.port));
    }

    void servers(size_t at, const Service& service) {
        const ServiceConfig& own = config_.services[at];
        const std::vector<Wanted> list = wanted(service);
        if (list.empty()) {
            return;
        }
        if (own.forward == Forward::tunnel && service.server_port != service.port) {
            check_.wrong(fmt::format("is \"tunnel\", which keeps the VIP's port, expected \"nat\": "
                                     "the inventory's servers listen at {}",
                                     service.server_port),
                         "services", at, "forward");
        }
        std::vector<bool> taken(own.servers.size());
        std::vector<const Wanted*> others;
        for (const Wanted& server : list) {
            const auto found = server_where(own, taken, [&](const ServerConfig& each) {
                return each.address == server.at.address && has_port(own, each, server);
            });
            found ? weighs(at, *found, server) : others.push_back(&server);
        }
        for (const Wanted* server : others) {
            const auto found = server_where(
                own, taken, [&](const ServerConfig& each) { return each.name == server->name; });
            if (found) {
                is_elsewhere(at, *found, *server);
                weighs(at, *found, *server);
            } else if (check_.readable("services", at, "servers")) {
                missing_.emplace_back(pointer_to("/services", at) + "/servers",
                                      fmt::format("{} at {} is missing, expected it as in the "
                                                  "inventory",
                                                  in_quotes(server->name), server->at.text()));
            }
        }
        for (size_t k = 0; k < taken.size(); ++k) {
            if (!taken[k] && check_.readable("services", at, "servers", k)) {
                check_.wrong(fmt::format("{} at {} is none of the service's servers at site {} in "
                                         "the inventory, expected it there",
                                         in_quotes(own.servers[k].name),
                                         own.servers[k].address.text(), site_.name),
                             "services", at, "servers", k, "name");
            }
        }
    }

    static bool has_port(const ServiceConfig& service, const ServerConfig& server,
                         const Wanted& wanted) {
        return service.forward == Forward::tunnel || server.port == wanted.at.port;
    }

    template <typename Is>
    static std::optional<size_t> server_where(const ServiceConfig& service,
                                              std::vector<bool>& taken, Is is) {
        for (size_t k = 0; k < taken.size(); ++k) {
            if (!taken[k] && is(service.servers[k])) {
                taken[k] = true;
                return k;
            }
        }
        return std::nullopt;
    }

    void is_elsewhere(size_t at, size_t server, const Wanted& wanted) {
        const ServerConfig& own = config_.services[at].servers[server];
        if (own.address != wanted.at.address &&
            check_.readable("services", at, "servers", server, "address")) {
            check_.wrong(fmt::format("is {}, expected {} as in the inventory", own.address.text(),
                                     wanted.at.address.text()),
                         "services", at, "servers", server, "address");
        }
        if (!has_port(config_.services[at], own, wanted) &&
            check_.readable("services", at, "servers", server, "port")) {
            check_.wrong(
                fmt::format("is {}, expected {} as in the inventory", own.port, wanted.at.port),
                "services", at, "servers", server, "port");
        }
    }

    void weighs(size_t at, size_t server, const Wanted& wanted) {
        const uint32_t own = config_.services[at].servers[server].weight;
        if (own != wanted.weight && check_.readable("services", at, "servers", server, "weight")) {
            check_.wrong(fmt::format("is {}, expected {} as in the inventory", own, wanted.weight),
                         "services", at, "servers", server, "weight");
        }
    }

    // A map serves all ports of its VIPs, each by one server.
    bool mapped(const Service& service) {
        for (size_t i = 0; i < config_.maps.size(); ++i) {
            const MapConfig& map = config_.maps[i];
            if (!maps_readable_[i] || !map.vip.contains(service.vip)) {
                continue;
            }
            const Endpoint image{image_of(map, service.vip), service.port};
            for (const Wanted& server : wanted(service)) {
                if (server.at != image) {
                    check_.wrong(
                        fmt::format("takes service {} to {}, expected {} as in the "
                                    "inventory",
                                    in_quotes(service.name), image.text(), server.at.text()),
                        "maps", i, "server_prefix");
                }
            }
            return true;
        }
        return false;
    }

    // One that could not be read may be the one that is meant.
    void missing(const Service& service) {
        if (all_readable_ && check_.readable("services")) {
            missing_.emplace_back(
                "/services",
                fmt::format("{} is missing, expected it as in the inventory{}", text_of(service),
                            site_.name == inventory_.to ? ": lbsync apply carries it" : ""));
        }
    }

    const Config& config_;
    const Inventory& inventory_;
    const Site& site_;
    Mistakes& mistakes_;
    Checker check_;
    // Before anything was found here.
    std::vector<bool> maps_readable_;
    bool all_readable_ = true;  // what tells services apart
    // Pointers and what is wrong there: told last, as several share a place, below which nothing
    // is told any more.
    std::vector<std::pair<std::string, std::string>> missing_;
};

}  // namespace

void hold_against(const Config& config, const Inventory& inventory, Mistakes& mistakes) {
    if (const Site* site = inventory.site_of_gateway(config.gateway)) {
        Comparison(config, inventory, *site, mistakes).all();
    }
}

}  // namespace rehome::vipd
