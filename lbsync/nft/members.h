// A table's objects, sets and chains in one list, each as lines that are equal when it is.
#pragma once

#include <string>
#include <vector>

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

struct Member {
    std::string kind;  // counter, limit, set, map, chain
    std::string name;
    std::vector<std::string> properties;
    std::vector<std::string> lines;  // rules in order; elements, sorted

    std::string title() const { return kind + " " + name; }
    bool operator==(const Member&) const = default;
};

std::vector<Member> members(const Table& table);

const Member* find(const std::vector<Member>& members, const Member& like);
const Table* find(const std::vector<Table>& tables, const Table& like);

}  // namespace rehome::lbsync
