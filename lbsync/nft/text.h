// The text form of a rule set, `nft -s -a list ruleset`, taken apart as far as its lines go.
//
// Form (nftables 1.0): a table is "table FAMILY NAME {" ... "}"; an object in it is indented by one
// tab, what is in the object by two.  With -a an opening line and each rule end in "# handle N".
// A set's elements may run over several lines, each but the last ending in a comma; a rule does so
// only when it holds a block.  Nothing is interpreted: the JSON form does that, and this form shows
// what the JSON form lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"

namespace rehome::lbsync {

struct TextObject {
    std::string kind;  // chain, set, map, counter, ...
    std::string name;
    std::vector<std::string> lines;                       // all but rules and elements
    std::string elements;                                 // "a, b, c"; empty: none
    std::vector<std::pair<uint64_t, std::string>> rules;  // handle and words
};

struct TextTable {
    std::string family;
    std::string name;
    std::vector<std::string> properties;
    std::vector<TextObject> objects;
};

// Fails (Exit::unknown) at the first line that does not have this form.
Result<std::vector<TextTable>> parse_nft_text(std::string_view text);

}  // namespace rehome::lbsync
