// Statements and expressions of the JSON form (libnftables-json(5), schema version 1) as the
// model's.
//
// Strict: an unknown statement, key or option is refused with what it is, because a part that is
// not understood may change what the whole does.  Pure; no state.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

// What cannot be modelled, as words for a Doubt.
template <typename T>
using Modelled = tl::expected<T, std::string>;

Modelled<Expr> parse_expr(const nlohmann::json& json);
Modelled<Expr> parse_element(const nlohmann::json& json);  // of a set or map
Modelled<Statement> parse_statement(const nlohmann::json& json);

// "ipv4_addr", ["ifname", "ipv4_addr"] or "ipv4_addr . inet_service"; refuses types whose values
// belong to a site and cannot be mapped (hardware addresses).
Modelled<Types> parse_types(const nlohmann::json& json);

}  // namespace rehome::lbsync
