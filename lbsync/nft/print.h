// The model in nft's own words, as nftables 1.0.6 prints it (`nft -s list ruleset`).
//
// This is both what is loaded at the target and the proof that reading lost nothing: a rule counts
// as understood only if what is printed here equals what nft itself prints for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

std::string print(const Expr& expr, const Types& types);

// The types of what an expression reads from a packet: one for each part of a concatenation.
Types types_of(const Expr& expr);

// The type of part i; empty when it is none that prints in a way of its own.
const std::string& type_of(const Types& types, size_t i);

// family: of the rule's table, which decides what a bare "reject" means.
std::string print(const Rule& rule, std::string_view family);

std::string print_elements(const Set& set);  // "a, b, c"

// What stands between the braces of a table's members, line by line, indented by two tabs.
std::string print_body(const Object& object);
std::string print_body(const Set& set);
std::string print_body(const Chain& chain, std::string_view family);
std::string print(const Table& table);  // "table inet filter {\n...}\n"

}  // namespace rehome::lbsync
