// nft's names of places in a packet, as the policy's fields, and the words for their values.
//
// nft leaves out of its text what a place implies: "tcp dport" is only looked at in TCP packets.
// The implied tests are told beside the field.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "lbsync/nft/model.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::nft {

// What cannot be translated, as words for a Doubt.
template <typename T>
using Meant = tl::expected<T, std::string>;

using Symbols = std::span<const std::pair<std::string_view, uint64_t>>;

struct KeyField {
    policy::Field field;
    std::vector<policy::Test> implied;
    Symbols symbols;
    bool is_name = false;  // its words are names of interfaces, or other strings
};

// key: of kind key.  family: of its rule's table, which says what "@nh" reads.
Meant<KeyField> field_of(const Expr& key, std::string_view family);

// The values that an expression stands for in that field.
Meant<policy::Span> span_of(const Expr& value, const KeyField& key);

}  // namespace rehome::lbsync::nft
