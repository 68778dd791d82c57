// Policies of one host from several readers, as one; and without some of their tables.
#pragma once

#include <functional>
#include <string>

#include "lbsync/policy/policy.h"

namespace rehome::lbsync::policy {

// The chains of `more` behind those of `into`, and its doubts.
void append(Policy& into, Policy more);

// Without the chains of some tables.  A chain leads to others of its own table alone.
void remove_tables(Policy& policy, const std::function<bool(const std::string& table)>& goes);

}  // namespace rehome::lbsync::policy
