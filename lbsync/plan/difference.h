// What must change at the new site, object by object, in words that an operator reads.
#pragma once

#include <string>
#include <vector>

#include "lbsync/iptables/pieces.h"
#include "lbsync/nft/model.h"
#include "lbsync/policy/offer.h"

namespace rehome::lbsync {

struct Change {
    enum class Kind { add, remove, change };

    std::string host;    // where, or the gateway
    std::string object;  // "table inet filter chain input", "service meters"
    Kind kind = Kind::change;
    // "- ..." goes, "+ ..." comes, in the order of the new state; around changed rules "  ..."
    // stays, and "@ rule 27, now 28" says where they stand.
    std::vector<std::string> lines;
};

std::string_view name(Change::Kind kind);  // "add", "remove", "change"

// From the current state to the wanted one.  Empty when they are equal.
std::vector<Change> differences(const Ruleset& current, const Ruleset& wanted,
                                const std::string& host);
std::vector<Change> differences(const std::vector<iptables::Piece>& current,
                                const std::vector<iptables::Piece>& wanted,
                                const std::string& host);
std::vector<Change> differences(const Offer& current, const Offer& wanted, const std::string& host);

}  // namespace rehome::lbsync
