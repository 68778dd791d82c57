// What rules have added to sets: state, which a transaction that makes a table anew would lose.
//
// Read from `nft -a list ruleset`, which tells how long each element stays and what it has counted;
// written as `add element`, in nft's own words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/nft/model.h"

namespace rehome::lbsync {

struct Learned {
    std::string family;
    std::string table;
    std::string set;
    std::string type;      // the property that says what its keys are: "type ipv4_addr"
    std::string elements;  // "10.0.0.1 expires 4m, ..."; empty: it has learned nothing
    bool operator==(const Learned&) const = default;
};

// The property of a set that says what its keys are.
std::string type_property(const Set& set);

// Of the dynamic sets of this rule set.
Result<std::vector<Learned>> read_learned(std::string_view text, const Ruleset& ruleset);

// Empty where nothing was learned.
std::string add_elements(const Learned& learned);

}  // namespace rehome::lbsync
