// What the operator says of who is served where ("rehome/vipd-placement/1"), one document that all
// gateways have alike: named lists of clients, sets (clients to a site) and weights of the sites,
// each of a service or of all.
//
// Read as a whole or not at all, with all mistakes at once.  Immutable; made by one thread, read by
// any.  The digest is of what it says: where it is the same, so is the placement of each client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "vipd/placement/client_ranges.h"
#include "vipd/placement/shares.h"

namespace rehome::vipd {

struct PlacementRules {
    static constexpr size_t ranges_max = 100'000;  // client prefixes of all sets together

    struct Set {
        std::string service;  // empty: all
        std::vector<std::string> sites;
        // Parallel: the client prefixes, the index of each one's site, and how it was said.
        std::vector<Prefix> clients;
        std::vector<uint8_t> site_of;
        std::vector<std::string> said;  // "192.0.2.0/24", "staff"
        ClientRanges ranges;            // to indexes of these
    };
    struct Weight {
        std::string site;
        uint32_t hundredths = 0;
    };
    struct Weights {
        std::string service;  // empty: all
        ShareBy by = ShareBy::address;
        std::vector<Weight> sites;
    };

    std::vector<Set> sets;
    std::vector<Weights> weights;
    uint64_t digest = 0;                             // 0: nothing is said
    std::shared_ptr<const nlohmann::json> document;  // as it was read; not null

    bool empty() const { return sets.empty() && weights.empty(); }
    bool weighs_all() const;    // there are weights of all services
    bool concerns_all() const;  // or a set
    std::set<std::string> named_services() const;
    std::set<std::string> named_sites() const;
};

// What a document may name.
struct PlacementNames {
    std::vector<std::string> sites;
    std::optional<std::vector<std::string>> services;  // nothing: any
};

// names: nothing stands for any, of what was checked before.  under: the pointer at which the
// document stands in the file.
Checked<std::shared_ptr<const PlacementRules>> read_placement(
    std::string_view file, std::string_view under, const nlohmann::json& document,
    const std::optional<PlacementNames>& names);

nlohmann::json no_placement();  // the document that says nothing

}  // namespace rehome::vipd
