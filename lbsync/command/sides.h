// verify OLD NEW: two sides that no inventory names, compared.
#pragma once

#include "common/command.h"
#include "lbsync/side/compare.h"

namespace rehome::lbsync {

Option sides_option();
Option format_option();

// The side as --format says.
Checked<side::Side> read_one_side(const Given& given, const std::string& name);

Result<Exit> verify_sides(const Given& given);

}  // namespace rehome::lbsync
