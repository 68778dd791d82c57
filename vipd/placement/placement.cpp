#include "vipd/placement/placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome::vipd {

namespace {

using Role = WeightedSite::Role;

SiteNumber number_of(const PlacementWorld& world, std::string_view site) {
    const auto found = std::find(world.sites.begin(), world.sites.end(), site);
    return found == world.sites.end() ? no_site
                                      : static_cast<SiteNumber>(found - world.sites.begin());
}

// The sites of a move are the ends of its scale; where nothing moves there is none.
Shares shares_of(const PlacementRules::Weights& weights, const PlacementWorld& world) {
    std::vector<WeightedSite> sites;
    for (const auto& [site, hundredths] : weights.sites) {
        const Role role = site == world.from ? Role::high
                          : site == world.to ? Role::low
                                             : Role::other;
        sites.push_back({site, number_of(world, site), hundredths, role});
    }
    return {weights.by, sites};
}

// Of this gateway's clients alone: the other site has the low end, wherever the gateway is.
Shares share_of(uint32_t hundredths, ShareBy by, const PlacementWorld& world) {
    const SiteNumber other = world.other_site();
    if (hundredths == 0 || other == no_site) {
        return {};
    }
    return {by,
            {{world.sites[other], other, hundredths, Role::low},
             {world.sites[0], 0, Shares::slots - hundredths, Role::high}}};
}

}  // namespace

SiteNumber PlacementWorld::other_site() const {
    if (sites.size() == 2) {
        return 1;
    }
    const std::string& own = sites.front();
    return own == from ? number_of(*this, to) : own == to ? number_of(*this, from) : no_site;
}

Placement::Level& Placement::level_for(const std::string& service, const PlacementWorld& world) {
    if (service.empty()) {
        return levels_.front();
    }
    // Of a service that this gateway does not have: nobody asks.
    uint32_t level = 0;
    for (const auto& [name, number] : world.services) {
        if (name == service) {
            level = level_of_[number] != 0 ? level_of_[number] : level;
        }
    }
    if (level == 0) {
        level = static_cast<uint32_t>(levels_.size());
        levels_.emplace_back();
    }
    for (const auto& [name, number] : world.services) {
        level_of_[number] = name == service ? level : level_of_[number];
    }
    return levels_[level];
}

std::shared_ptr<const Placement> Placement::make(std::shared_ptr<const PlacementRules> rules,
                                                 uint32_t share, ShareBy share_by,
                                                 const PlacementWorld& world) {
    auto made = std::make_shared<Placement>();
    made->rules_ = std::move(rules);
    made->share_ = share;
    made->share_by_ = share_by;
    made->sites_ = world.sites;
    made->level_of_.resize(world.service_numbers);
    if (made->rules_ == nullptr || !made->rules_->weighs_all()) {
        made->levels_.front().shares = share_of(share, share_by, world);
    }
    if (made->rules_ != nullptr) {
        for (const PlacementRules::Set& set : made->rules_->sets) {
            Level& level = made->level_for(set.service, world);
            level.set = &set;
            for (const std::string& site : set.sites) {
                level.sites.push_back(number_of(world, site));
            }
        }
        for (const PlacementRules::Weights& weights : made->rules_->weights) {
            made->level_for(weights.service, world).shares = shares_of(weights, world);
        }
    }
    made->empty_ = std::all_of(made->levels_.begin(), made->levels_.end(), [](const Level& level) {
        return level.set == nullptr && level.shares.empty();
    });
    return made;
}

std::string Placement::text(const Choice& choice, std::optional<uint32_t> service) const {
    if (choice.by == Choice::By::nothing) {
        return "no set, no weights: here";
    }
    const std::string whose = choice.of_service ? "its service" : "all services";
    if (choice.by == Choice::By::weights) {
        return fmt::format("by the weights of {}: site {}", whose, sites_[choice.site]);
    }
    const uint32_t level = choice.of_service && service ? level_of_[*service] : 0;
    const PlacementRules::Set& set = *levels_[level].set;
    const std::string prefix = set.clients[choice.range].text();
    const std::string& said = set.said[choice.range];
    return fmt::format("by the set of {}, {}{}: site {}", whose, prefix,
                       said == prefix || prefix.starts_with(said + "/") ? "" : " of " + said,
                       sites_[choice.site]);
}

}  // namespace rehome::vipd
