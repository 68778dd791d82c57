#include "lbsync/nft/members.h"

#include <algorithm>

#include "lbsync/nft/canonical.h"

namespace rehome::lbsync {

std::vector<Member> members(const Table& table) {
    std::vector<Member> result;
    for (const Object& object : table.objects) {
        result.push_back({object.kind, object.name, object.properties, {}});
    }
    for (const Set& set : table.sets) {
        result.push_back({set.kind, set.name, set.properties, canonical_elements(set)});
    }
    for (const Chain& chain : table.chains) {
        Member member{"chain", chain.name, chain.properties, {}};
        for (const Rule& rule : chain.rules) {
            member.lines.push_back(canonical(rule, table.family));
        }
        result.push_back(std::move(member));
    }
    return result;
}

const Member* find(const std::vector<Member>& members, const Member& like) {
    const auto found = std::find_if(members.begin(), members.end(), [&](const Member& member) {
        return member.kind == like.kind && member.name == like.name;
    });
    return found == members.end() ? nullptr : &*found;
}

const Table* find(const std::vector<Table>& tables, const Table& like) {
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
        return table.family == like.family && table.name == like.name;
    });
    return found == tables.end() ? nullptr : &*found;
}

}  // namespace rehome::lbsync
