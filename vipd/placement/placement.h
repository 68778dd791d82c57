// Where a new flow is placed, compiled from the operator's rules and this gateway's share for the
// sites and services that it knows: immutable, one look for a new flow, no allocation.
//
// The order of precedence: the set of the service, that of all; the weights of the service, those
// of all, or the share where there are none.  What names a site that does not take the flow is
// passed over.  Where nothing decides, the flow stays here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vipd/placement/rules.h"
#include "vipd/placement/shares.h"

namespace rehome::vipd {

// What a placement is compiled for.
struct PlacementWorld {
    std::vector<std::string> sites;                          // by number; 0 is this gateway's own
    std::string from, to;                                    // of a move; empty: nothing moves
    std::vector<std::pair<std::string, uint32_t>> services;  // with their numbers
    uint32_t service_numbers = 0;

    // The site that a share gives clients to: the only other one, or the other one of the move.
    SiteNumber other_site() const;
};

class Placement {
public:
    struct Choice {
        enum class By : uint8_t { nothing, set, weights };

        By by = By::nothing;
        bool of_service = false;  // else of all
        SiteNumber site = 0;      // with nothing: this gateway's own
        uint32_t range = 0;       // of a set

        bool here() const { return site == 0; }
    };

    // share: of the clients, those that the other site gets, in hundredths of a percent.
    static std::shared_ptr<const Placement> make(std::shared_ptr<const PlacementRules> rules,
                                                 uint32_t share, ShareBy share_by,
                                                 const PlacementWorld& world);

    // service: its number; nothing: what maps serve, which know no services.
    // takes: whether a site takes the flow.
    template <typename Takes>
    Choice choose(std::optional<uint32_t> service, const Endpoint& client, Takes takes) const {
        const uint32_t own =
            service && *service < level_of_.size() ? level_of_[*service] : uint32_t{0};
        for (const uint32_t level : {own, uint32_t{0}}) {
            const PlacementRules::Set* set = levels_[level].set;
            const uint32_t range =
                set == nullptr ? ClientRanges::none : set->ranges.find(client.address);
            if (range != ClientRanges::none) {
                const SiteNumber site = levels_[level].sites[set->site_of[range]];
                if (site != no_site && takes(site)) {
                    return {Choice::By::set, level != 0, site, range};
                }
            }
            if (level == 0) {
                break;
            }
        }
        for (const uint32_t level : {own, uint32_t{0}}) {
            const auto site = levels_[level].shares.choose(client, takes);
            if (site) {
                return {Choice::By::weights, level != 0, *site, 0};
            }
            if (level == 0) {
                break;
            }
        }
        return {};
    }

    // Nothing is placed anywhere else: who asks may as well not.
    bool empty() const { return empty_; }
    // What maps serve may be placed elsewhere.
    bool concerns_maps() const { return levels_[0].set != nullptr || !levels_[0].shares.empty(); }
    const PlacementRules* rules() const { return rules_.get(); }  // null: there are none
    uint64_t digest() const { return rules_ == nullptr ? 0 : rules_->digest; }
    // The same words of the operator, for whatever sites and services.
    bool says_the_same(const Placement& other) const {
        return digest() == other.digest() && share_ == other.share_ && share_by_ == other.share_by_;
    }
    // How the choice was made, for a person.
    std::string text(const Choice& choice, std::optional<uint32_t> service) const;

private:
    struct Level {
        const PlacementRules::Set* set = nullptr;
        std::vector<SiteNumber> sites;  // of the set's; no_site: there is none of that name
        Shares shares;
    };

    Level& level_for(const std::string& service, const PlacementWorld& world);

    std::shared_ptr<const PlacementRules> rules_;
    uint32_t share_ = 0;
    ShareBy share_by_ = ShareBy::address;
    bool empty_ = true;
    std::vector<std::string> sites_;
    std::vector<Level> levels_{1};    // the first is of all services
    std::vector<uint32_t> level_of_;  // by a service's number
};

}  // namespace rehome::vipd
