// What the operator has said while vipd runs.  The configuration's file gives the state that vipd
// begins with; an order outranks it from then on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/vipd_config/access.h"
#include "vipd/placement/rules.h"
#include "vipd/state/share.h"

namespace rehome::vipd {

// When an order was given, and by whom.
struct Said {
    int64_t at_us = 0;  // UTC, since 1970
    uint32_t uid = 0;   // of the caller

    bool operator==(const Said&) const = default;
};

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

struct LineOrder {
    bool enabled = false;
    Said said;

    bool operator==(const LineOrder&) const = default;
};

// To reset flows, so that their clients log in again.
struct ReloginOrder {
    enum class Course : uint8_t { running, done, stopped, interrupted };

    double rate_per_s = 0;           // of all workers together
    std::string service;             // its name; empty: all services
    std::optional<uint32_t> number;  // the service's; nothing: all services
    Said said;
    Course course = Course::running;
    double quiet_s = 0;  // it is done once nothing was left to end for so long

    bool operator==(const ReloginOrder&) const = default;
};

std::string_view name(ReloginOrder::Course course);

struct Orders {
    std::optional<ShareOrder> share;  // of this gateway's clients
    std::optional<PlacementOrder> placement;
    std::optional<AccessOrder> access;
    std::map<std::string, LineOrder> lines;  // by carrier
    std::optional<ReloginOrder> relogin;

    bool operator==(const Orders&) const = default;
};

}  // namespace rehome::vipd
