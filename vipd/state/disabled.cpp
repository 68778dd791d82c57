#include "vipd/state/disabled.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/sha256.h"

namespace rehome::vipd {

namespace {

std::optional<uint32_t> service_number(const std::string& name, const Tables& tables) {
    const auto& services = tables.services();
    const auto found = std::find_if(services.begin(), services.end(),
                                    [&](const auto& s) { return s.config->name == name; });
    return found == services.end() ? std::nullopt : std::optional(found->number);
}

template <typename Item, typename Named>
std::optional<uint32_t> index_of(const std::vector<Item>& items, Named named) {
    const auto found = std::find_if(items.begin(), items.end(), named);
    return found == items.end() ? std::nullopt
                                : std::optional(static_cast<uint32_t>(found - items.begin()));
}

// Nothing: the configuration does not have it.
std::optional<Scope> scope_of(const DisableTarget& target, const Tables& tables) {
    switch (target.level) {
        case Level::server: {
            Scope scope{Scope::Kind::servers, 0, {}, {}};
            for (const ServiceTable& service : tables.services()) {
                for (const ServerConfig& server : service.servers) {
                    if (target.means(service.config->name, server.name)) {
                        scope.servers.push_back({service.number, server.endpoint()});
                    }
                }
            }
            std::sort(scope.servers.begin(), scope.servers.end());
            return scope.servers.empty() ? std::nullopt : std::optional(scope);
        }
        case Level::service: {
            const auto number = service_number(target.name, tables);
            return number ? std::optional(Scope{Scope::Kind::service, *number, {}, {}})
                          : std::nullopt;
        }
        case Level::line: {
            const auto number = index_of(
                tables.lines(), [&](const TableLine& l) { return l.carrier == target.name; });
            return number ? std::optional(Scope{Scope::Kind::line, *number, {}, {}}) : std::nullopt;
        }
        case Level::site:
            break;
    }
    const auto site =
        index_of(tables.sites(), [&](const std::string& name) { return name == target.name; });
    if (!site) {
        return std::nullopt;
    }
    Scope scope{*site == 0 ? Scope::Kind::here : Scope::Kind::peers, *site, {}, {}};
    for (const TablePeer& peer : tables.peers()) {
        scope.peers.push_back(*site != 0 && peer.site_number == *site);
    }
    return scope;
}

}  // namespace

uint64_t sites_digest(const Disablings& orders, const Tables& tables) {
    nlohmann::json said = nlohmann::json::array();
    for (const auto& [target, order] : orders) {
        if (target.level == Level::site && scope_of(target, tables)) {
            said.push_back(
                {target.name, name(order.mode), order.rate_per_s, order.quiet_s, order.icmp});
        }
    }
    return said.empty() ? 0 : short_sha256(said.dump());
}

bool Disabled::knows(const DisableTarget& target, const Tables& tables) {
    return scope_of(target, tables).has_value();
}

std::shared_ptr<const Disabled> Disabled::make(const Disablings& orders, const Tables& tables) {
    auto made = std::make_shared<Disabled>();
    made->orders_ = orders;
    made->sites_digest_ = vipd::sites_digest(orders, tables);
    made->some_ = !orders.empty();
    if (made->some_) {
        made->services_.resize(tables.service_numbers());
        made->hidden_.resize(tables.service_numbers());
        made->sites_.resize(tables.sites().size());
    }
    for (const auto& [target, order] : orders) {
        made->add(target, order, tables);
    }
    return made;
}

void Disabled::add(const DisableTarget& target, const DisableOrder& order, const Tables& tables) {
    const auto scope = scope_of(target, tables);
    const bool strong = order.mode == DisableMode::strong;
    endings_.push_back({order.id, order.runs() && scope ? order.rate_per_s : 0,
                        static_cast<Micros>(order.quiet_s * 1e6), order.icmp,
                        scope.value_or(Scope{Scope::Kind::servers, 0, {}, {}})});
    if (!scope) {
        return;
    }
    const Here state = strong ? Here::shut : Here::masked;
    const std::string text = std::string(name(order.mode)) + " " + target.text();
    switch (target.level) {
        case Level::server:
            break;  // they are set aside
        case Level::service:
            services_[scope->number] = std::max(services_[scope->number], state);
            hidden_[scope->number] = hidden_[scope->number] || strong || !order.anyway;
            said_.emplace_back(scope->number, text);
            break;
        case Level::line:
            if (strong) {
                lines_.resize(tables.lines().size());
                lines_[scope->number] = true;
            }
            return;  // its flows go on by other lines
        case Level::site:
            sites_[scope->number] = std::max(sites_[scope->number], state);
            said_of_site_ = scope->number == 0 ? text : said_of_site_;
            if (strong && scope->number == 0) {
                hidden_.assign(hidden_.size(), true);
            }
            break;
    }
    if (strong) {
        cuts_.push_back({text, order.id, *scope});
    }
}

std::string Disabled::text_of(uint32_t service) const {
    const auto found = std::find_if(said_.begin(), said_.end(),
                                    [&](const auto& said) { return said.first == service; });
    const bool by_site = found == said_.end() || services_[service] < sites_[0];
    return by_site ? said_of_site_ : found->second;
}

const Disabled::Cut* Disabled::find_cut(const Flow& flow) const {
    const auto found = std::find_if(cuts_.begin(), cuts_.end(),
                                    [&](const Cut& cut) { return cut.scope.covers(flow); });
    return found == cuts_.end() ? nullptr : &*found;
}

}  // namespace rehome::vipd
