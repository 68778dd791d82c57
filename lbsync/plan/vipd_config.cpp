#include "lbsync/plan/vipd_config.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/vipd_config/carried.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;  // the order of keys is the operator's

Interval only(const Address& address) {
    return {address, address};
}

// The pointers of what does not move, as beginnings: "/services/3/".
using Elsewhere = std::vector<std::string>;

std::vector<Doubt> doubts_of(std::string_view text, const std::string& where,
                             const Elsewhere& elsewhere) {
    std::vector<Doubt> doubts;
    for (const std::string& pointer :
         vipd::doubted_keys(vipd::config_schema(), json::parse(text))) {
        const bool moves =
            std::none_of(elsewhere.begin(), elsewhere.end(),
                         [&](const std::string& start) { return pointer.starts_with(start); });
        if (moves) {
            doubts.push_back(
                {fmt::format("{}: {}", where, pointer), "is policy that lbsync does not carry"});
        }
    }
    return doubts;
}

// The document's list with what is offered in place of what is in scope.
template <typename Vips>
ordered_json replaced(const ordered_json& list, const std::vector<ordered_json>& offered,
                      const InScope& in_scope, Vips vips_of) {
    ordered_json result = ordered_json::array();
    for (const ordered_json& one : list) {
        const auto vips = vips_of(one);
        if (vips && in_scope(*vips) == Scope::none) {
            result.push_back(one);
        }
    }
    for (const ordered_json& one : offered) {
        result.push_back(one);
    }
    return result;
}

std::vector<ordered_json> services_of(const Offer& offer) {
    std::vector<ordered_json> list;
    for (const vipd::ServiceConfig& service : offer.services) {
        list.push_back(vipd::to_json(service, offer.pools));
    }
    return list;
}

std::vector<ordered_json> maps_of(const Offer& offer) {
    std::vector<ordered_json> list;
    for (const vipd::MapConfig& map : offer.maps) {
        list.push_back(vipd::to_json(map));
    }
    return list;
}

}  // namespace

InScope in_prefixes(std::vector<Prefix> prefixes) {
    return [prefixes = std::move(prefixes)](const Interval& vips) {
        Scope scope = Scope::none;
        for (const Prefix& prefix : prefixes) {
            const Interval moving = Interval::of(prefix);
            if (moving.contains(vips)) {
                return Scope::all;
            }
            scope = moving.meets(vips) ? Scope::some : scope;
        }
        return scope;
    };
}

Checked<OfferReading> read_offer(std::string_view text, const std::string& where,
                                 const InScope& in_scope) {
    auto config = vipd::parse_config_alone(where, text);
    if (!config) {
        return tl::unexpected(config.error());
    }
    Mistakes mistakes(where);
    OfferReading reading;
    Elsewhere elsewhere;
    for (size_t i = 0; i < config->services.size(); ++i) {
        vipd::ServiceConfig& service = config->services[i];
        if (in_scope(only(service.vip)) == Scope::none) {
            elsewhere.push_back(fmt::format("/services/{}/", i));
        } else {
            reading.offer.services.push_back(std::move(service));
        }
    }
    for (size_t i = 0; i < config->maps.size(); ++i) {
        const Scope scope = in_scope(Interval::of(config->maps[i].vip));
        if (scope == Scope::none) {
            elsewhere.push_back(fmt::format("/maps/{}/", i));
        } else if (scope == Scope::all) {
            reading.offer.maps.push_back(config->maps[i]);
        } else {
            mistakes.add(fmt::format("/maps/{}/vip_prefix", i),
                         "lies in the prefixes that move in part, expected a map in one of them");
        }
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    reading.offer.pools = std::move(config->pools);
    reading.offer.access = config->access;
    reading.doubts = doubts_of(text, where, elsewhere);
    return reading;
}

std::string with_offer(std::string_view text, const Offer& offer, const InScope& in_scope) {
    ordered_json document = ordered_json::parse(text);
    document["services"] = replaced(
        document["services"], services_of(offer), in_scope, [](const ordered_json& service) {
            return Address::parse(service["vip"].get<std::string>()).map(only);
        });
    const bool has_maps = document.contains("maps");
    if (has_maps || !offer.maps.empty()) {
        document["maps"] = replaced(
            has_maps ? document["maps"] : ordered_json::array(), maps_of(offer), in_scope,
            [](const ordered_json& map) {
                return Prefix::parse(map["vip_prefix"].get<std::string>()).map(Interval::of);
            });
    }
    if (offer.access.digest() != 0) {
        document["access"] = *offer.access.rules->document;
    } else {
        document.erase("access");
    }
    return document.dump(2) + "\n";
}

std::string canonical(const Offer& offer) {
    Offer sorted = offer;
    for (vipd::ServiceConfig& service : sorted.services) {
        std::sort(service.servers.begin(), service.servers.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
    }
    std::vector<std::string> lines;
    for (const std::vector<ordered_json>& list : {services_of(sorted), maps_of(sorted)}) {
        for (const ordered_json& one : list) {
            lines.push_back(one.dump() + "\n");
        }
    }
    std::sort(lines.begin(), lines.end());
    const std::string access =
        offer.access.digest() == 0 ? "" : offer.access.rules->document->dump() + "\n";
    return fmt::format("{}{}", fmt::join(lines, ""), access);
}

}  // namespace rehome::lbsync
