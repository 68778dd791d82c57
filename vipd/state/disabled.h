// What is disabled, by the numbers that the datapath has: compiled from the orders (disabling.h)
// for the services, lines and sites that this gateway knows.  Immutable; read by all workers.
//
// What takes no new flows is passed over where they are placed, as long as somebody else takes
// them: a mask keeps nobody from being served.  What is disabled strongly takes none at all.
//
// An order about a name that the configuration does not have (any more) says nothing until it has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vipd/flow/endings.h"
#include "vipd/flow/scope.h"
#include "vipd/state/disabling.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

// Of the orders about sites that the configuration has, which all gateways should have alike: what
// each says, not who said it or how far it is.  None: 0.
uint64_t sites_digest(const Disablings& orders, const Tables& tables);

class Disabled {
public:
    struct Cut {
        std::string text;  // "strong server s1"
        uint64_t id = 0;   // the order's
        Scope scope;
    };

    static std::shared_ptr<const Disabled> make(const Disablings& orders, const Tables& tables);

    // Of a service of this gateway, by its number: whether new flows had better go elsewhere, and
    // whether they must.
    bool masks(uint32_t service) const { return some_ && here(service) >= Here::masked; }
    bool shuts(uint32_t service) const { return some_ && here(service) == Here::shut; }
    // Peers are not told that it can be served here, so that they pass it over, too.
    bool hides(uint32_t service) const { return some_ && hidden_[service]; }
    // A site, by its number; this gateway's own is 0.
    bool masks_site(size_t site) const { return some_ && sites_[site] >= Here::masked; }
    bool shuts_site(size_t site) const { return some_ && sites_[site] == Here::shut; }

    // The order about a service that is masked here, for a person: "mask service web".
    std::string text_of(uint32_t service) const;

    // The order by which a flow is cut; null: none.
    const Cut* cut_of(const Flow& flow) const { return cuts_.empty() ? nullptr : find_cut(flow); }
    const std::vector<Cut>& cuts() const { return cuts_; }
    // Nothing with a VIP goes in or out by the line.
    bool cuts_line(size_t line) const { return !lines_.empty() && lines_[line]; }
    bool cuts_lines() const { return !lines_.empty(); }
    bool cuts_maps() const { return shuts_site(0); }

    // What is to end, at the rate of all workers together, or to be counted: of all orders.
    const std::vector<Endings::Order>& endings() const { return endings_; }

    const Disablings& orders() const { return orders_; }
    uint64_t sites_digest() const { return sites_digest_; }
    // Whether the order is about something that the configuration has.
    static bool knows(const DisableTarget& target, const Tables& tables);

private:
    enum class Here : uint8_t { open, masked, shut };

    Here here(uint32_t service) const { return std::max(services_[service], sites_[0]); }
    const Cut* find_cut(const Flow& flow) const;
    void add(const DisableTarget& target, const DisableOrder& order, const Tables& tables);

    Disablings orders_;
    uint64_t sites_digest_ = 0;
    bool some_ = false;                                   // else the following are empty
    std::vector<Here> services_;                          // by number
    std::vector<bool> hidden_;                            // likewise
    std::vector<Here> sites_;                             // by number
    std::vector<bool> lines_;                             // by number; empty: none is cut
    std::vector<std::pair<uint32_t, std::string>> said_;  // of services
    std::string said_of_site_;                            // this gateway's
    std::vector<Cut> cuts_;
    std::vector<Endings::Order> endings_;
};

}  // namespace rehome::vipd
