// What the operator has said while vipd runs.  The configuration's file gives the state that vipd
// begins with; an order outranks it from then on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/vipd_config/access.h"
#include "vipd/placement/rules.h"
#include "vipd/state/disabling.h"
#include "vipd/state/said.h"
#include "vipd/state/share.h"

namespace rehome::vipd {

struct ShareOrder {
    Share share;
    Said said;

    bool operator==(const ShareOrder&) const = default;
};

// Who is served where, at all gateways; the rules are not null.
struct PlacementOrder {
    std::shared_ptr<const PlacementRules> rules;
    Said said;

    bool operator==(const PlacementOrder& other) const {
        return rules->digest == other.rules->digest && said == other.said;
    }
};

// Who may begin what, and how much, at all gateways; the rules are not null.
struct AccessOrder {
    std::shared_ptr<const AccessRules> rules;
    Said said;

    bool operator==(const AccessOrder& other) const {
        return rules->digest == other.rules->digest && said == other.said;
    }
};

struct Orders {
    std::optional<ShareOrder> share;  // of this gateway's clients
    std::optional<PlacementOrder> placement;
    std::optional<AccessOrder> access;
    Disablings disabled;
    std::map<std::string, Said> enabled_lines;  // by carrier, whatever the file says first

    bool operator==(const Orders&) const = default;
};

}  // namespace rehome::vipd
