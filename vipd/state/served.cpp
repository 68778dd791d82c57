#include "vipd/state/served.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

// The ways to servers, as far as ports decide about them.
class Ways {
public:
    Ways(const std::shared_ptr<const Fib>& routes, const std::vector<PortLink>& ports)
        : routes_(routes.get()), ports_(ports) {
        const bool all_up =
            std::all_of(ports.begin(), ports.end(), [](const PortLink& port) { return port.up; });
        routes_ = all_up ? nullptr : routes_;
    }

    bool all_open() const { return routes_ == nullptr; }
    bool lead_to(const Address& server) const {
        if (all_open()) {
            return true;
        }
        const auto hop = routes_->lookup(server);
        return hop && hop->port < ports_.size() && ports_[hop->port].up;
    }
    bool lead_to(const ServiceTable& service) const {
        for (size_t i = 0; i < service.servers.size() && !all_open(); ++i) {
            const ServerConfig& server = service.servers[i];
            if (service.takes_new_flows(i) && server.weight > 0 && lead_to(server.address)) {
                return true;
            }
        }
        return all_open();
    }

private:
    const Fib* routes_;  // null: all are open
    const std::vector<PortLink>& ports_;
};

}  // namespace

std::shared_ptr<const Served> Served::make(const Tables& tables,
                                           const std::shared_ptr<const Fib>& routes,
                                           const std::vector<PortLink>& ports,
                                           const Disabled& disabled) {
    const Ways ways(routes, ports);
    auto made = std::make_shared<Served>();
    std::vector<bool> some(tables.prefixes().size());
    const auto serve = [&](const Address& vip) {
        if (const auto prefix = tables.prefix_of(vip)) {
            some[*prefix] = true;
        }
    };
    std::vector<uint64_t> ready;
    if (!ways.all_open()) {
        made->cut_off_.resize(tables.service_numbers());
    }
    for (const ServiceTable& service : tables.services()) {
        if (!service.has_live_server()) {
            continue;
        }
        if (!ways.lead_to(service)) {
            made->cut_off_[service.number] = true;
            continue;
        }
        serve(service.config->vip);
        if (!disabled.hides(service.number)) {
            ready.push_back(service_key(static_cast<uint8_t>(service.config->protocol),
                                        {service.config->vip, service.config->port}));
        }
    }
    for (const MapRule& map : tables.maps()) {
        if (ways.lead_to(map.server.address)) {
            serve(map.vip.address);
        }
    }
    for (size_t i = 0; i < some.size(); ++i) {
        if (some[i]) {
            made->prefixes_.push_back(tables.prefixes()[i]);
        }
    }
    made->ready_ = std::make_shared<const ReadyServices>(std::move(ready));
    return made;
}

bool Served::has(const Prefix& prefix) const {
    return std::find(prefixes_.begin(), prefixes_.end(), prefix) != prefixes_.end();
}

}  // namespace rehome::vipd
