// Which site a client gets by the sites' weights: a function of these and of the client alone, in
// integers, so that nothing has to be remembered of any client and every gateway says the same.
//
// Each site has a cost for each client, drawn from a hash of both, and the client gets the site
// whose cost divided by its weight is least: a rendezvous by exponentially distributed costs, so
// that each site gets its weight's part of all clients.  What follows from that, exactly:
//
//     a client goes from one site to another only where the other's weight has risen against that
//     of the first; so a change of one site's weight moves clients to or from that site alone, and
//     whatever changes together moves nobody between two sites whose weights keep their ratio
//
//     a site that cannot take a client leaves it to the next best; no other client moves
//
// Two sites are the ends of a scale (low, high): there the hash says how the sum of their costs is
// divided, low : high as the client's place among 10,000 slots and what is left.  Where only these
// two have a weight, h of 10,000 for the low end and the rest for the high one, the low end gets
// the slots below h: a larger share contains the smaller.  Costs of other sites, and the sum, are
// the logarithms of hashes (minus_log2), which are independent of that place.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/address.h"

namespace rehome::vipd {

enum class ShareBy : uint8_t { address, address_port };

// The index of a site in Tables::sites(): 0 is this gateway's own.
using SiteNumber = uint8_t;
inline constexpr SiteNumber no_site = UINT8_MAX;

// The binary logarithm of 2^64 / number, in 2^-24, off by less than 2^-18; at least 1.
uint64_t minus_log2(uint64_t number);

struct WeightedSite {
    enum class Role : uint8_t { high, low, other };

    std::string_view name;  // by which an `other` draws
    SiteNumber site = no_site;
    uint32_t hundredths = 0;  // of a percent, at most 10,000
    Role role = Role::other;
};

class Shares {
public:
    static constexpr size_t sites_max = 8;
    static constexpr uint32_t slots = 10'000;

    Shares() = default;
    // At most sites_max that have a weight, at most one of them low and one high; in any order.
    Shares(ShareBy by, std::vector<WeightedSite> sites);

    // Of those that take the client, which is asked as few of them as it needs.
    template <typename Takes>
    std::optional<SiteNumber> choose(const Endpoint& client, Takes takes) const {
        std::array<uint64_t, sites_max> costs;
        if (count_ > 1) {
            draw(client, costs);
        }
        for (uint32_t left = (1U << count_) - 1; left != 0;) {
            const uint32_t best = count_ > 1 ? least(costs, left) : 0;
            if (takes(sites_[best].site)) {
                return sites_[best].site;
            }
            left &= ~(1U << best);
        }
        return std::nullopt;
    }
    bool empty() const { return count_ == 0; }

private:
    struct Site {
        uint64_t key = 0;
        uint32_t weight = 0;
        SiteNumber site = no_site;
        WeightedSite::Role role = WeightedSite::Role::other;
    };

    void draw(const Endpoint& client, std::array<uint64_t, sites_max>& costs) const;
    // Among those whose bits are in `left`, which is not 0.
    uint32_t least(const std::array<uint64_t, sites_max>& costs, uint32_t left) const;

    ShareBy by_ = ShareBy::address;
    uint32_t count_ = 0;
    bool others_ = false;  // some site is neither low nor high
    std::array<Site, sites_max> sites_;
};

}  // namespace rehome::vipd
