// One rule of the kernel as the steps of a policy's rule.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lbsync/kernel/elements.h"

namespace rehome::lbsync::kernel {

// What the rules of one table share.
struct TableContext {
    const Table& table;
    const Sets& sets;
    Context context;
    std::map<std::string, size_t> chains{};  // the policy's indexes
    // Sets that have been read, by name and by the fields that are looked up.
    std::map<std::string, policy::ElementsPtr> known{};
};

using Steps = std::vector<policy::Step>;

// What a table's set, limit or the like is, among all of the host: names are a table's own.
std::string instance_of(const TableContext& table, const std::string& name);

// A set that rules fill, by its name and declaration; and by its table, where others of the host
// have one of that name.
std::string words_of_dynamic(const TableContext& table, const Set& set);

Understood<Steps> rule_steps(const Node& rule, TableContext& table);

// The verdict of an element or an immediate.
Understood<policy::Verdict> verdict(int32_t code, const std::string& chain,
                                    const TableContext& table);

// An act as steps.  rule: what its operands' bytes are of.
Understood<Steps> act_steps(const Act& act, const NormalRule& rule, TableContext& table);

}  // namespace rehome::lbsync::kernel
