// A network namespace of this process's own, in which rule sets are loaded to see what they become.
//
// Nothing of the host is touched: the namespace is empty but for interfaces of the names and
// numbers asked for, carries no packet, and goes with the process.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/kernel/ruleset.h"

namespace rehome::lbsync {

// Moves the process there for good.  Interfaces by number; 0: any.
Result<> enter_scratch(const std::vector<std::pair<uint32_t, std::string>>& interfaces);

// "ip6 filter" and "table ip6 filter {...}" of what nft lists, one a table.
std::vector<std::pair<std::string, std::string>> split_tables(std::string_view text);

struct Reloaded {
    kernel::Ruleset ruleset;
    std::map<std::string, std::string> failures;  // "ip6 filter" -> why it was not loaded
};

// Loads each of the tables, in the namespace that the process is in.
Result<Reloaded> reload(const std::vector<std::pair<std::string, std::string>>& tables);

}  // namespace rehome::lbsync
