// Parameters of a playbook: what --set may say of each, by its type, before anything is run.
//
//   text      any, without control characters (what has no type)
//   number    decimal, min to max
//   integer   whole, min to max
//   duration  seconds, or with a unit: 90, 90s, 5m, 1.5h; in force as seconds
//   name      letters, digits, "._-", not "-" first; with `of`, one of that set of the inventory
//   list      such names with commas between, none twice; may be empty
//
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/inventory.h"

namespace rehome::cutover {

// "a,b": a and b; nothing at all: none.
std::vector<std::string> split_list(std::string_view text);

// What is wrong with the declaration of a parameter itself; empty: nothing.
std::string wrong_declaration(const nlohmann::json& parameter);

// The value as ${NAME} has it, or what is wrong with it.
tl::expected<std::string, std::string> read_parameter(const nlohmann::json& parameter,
                                                      const std::string& value,
                                                      const Inventory& inventory);

}  // namespace rehome::cutover
