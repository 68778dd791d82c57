// verify OLD NEW: two sides that no inventory names, compared.
#pragma once

#include "common/command.h"

namespace rehome::lbsync {

Option sides_option();
Option format_option();

Result<Exit> verify_sides(const Given& given);

}  // namespace rehome::lbsync
