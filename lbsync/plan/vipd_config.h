// What vipd's configuration offers on the VIPs: its services and its maps, whom it lets begin what
// (access rules, limits, admission: as a whole), and nothing else of it.
//
// Only what lies in a prefix that moves is read and written; other services and maps, and the keys
// of which the schema says that they stay (common/vipd_config/carried.h), are left as they are.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/policy/doubt.h"
#include "lbsync/policy/interval.h"
#include "lbsync/policy/offer.h"

namespace rehome::lbsync {

// How much of some VIPs moves.
enum class Scope { none, some, all };
using InScope = std::function<Scope(const Interval& vips)>;

InScope in_prefixes(std::vector<Prefix> prefixes);

struct OfferReading {
    Offer offer;
    std::vector<Doubt> doubts;  // policy that is not carried
};

// where: "netns:old-gw: /etc/vipd.json".
Checked<OfferReading> read_offer(std::string_view text, const std::string& where,
                                 const InScope& in_scope);

// The same text with its services and maps in scope replaced.  The text must have been read before,
// and the offer's pools be among its own.
std::string with_offer(std::string_view text, const Offer& offer, const InScope& in_scope);

// Equal exactly when the offers are: sorted by name, one line each.
std::string canonical(const Offer& offer);

}  // namespace rehome::lbsync
