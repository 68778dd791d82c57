// The order of properties and of flags is that of nftables 1.0 (set_print_declaration in rule.c).
#include "lbsync/nft/dynamic_sets.h"

#include <algorithm>
#include <set>

#include "lbsync/nft/words.h"

namespace rehome::lbsync {

namespace {

// The named sets that some rule of the table adds to.
std::set<std::string> added_to(const Table& table) {
    std::set<std::string> names;
    for (const Chain& chain : table.chains) {
        for (const Rule& rule : chain.rules) {
            for (const Statement& statement : rule.statements) {
                const auto* update = std::get_if<Update>(&statement);
                if (update != nullptr && update->op != "delete") {
                    names.insert(update->set);
                }
            }
        }
    }
    return names;
}

bool follows_flags(const std::string& property) {
    return in(property.substr(0, property.find(' ')),
              {"auto-merge", "timeout", "gc-interval", "comment"});
}

// "flags constant,dynamic,interval,timeout", as far as they hold.
void add_flag(Set& set) {
    std::string known;
    bool timeout = false;
    std::erase_if(set.properties, [&](const std::string& property) {
        const bool flags = property.starts_with("flags ");
        known = flags ? property : known;
        timeout |= property.starts_with("timeout ");
        return flags;
    });
    timeout |= known.find("timeout") != std::string::npos;
    const std::string flags = std::string("flags dynamic") + (set.interval ? ",interval" : "") +
                              (timeout ? ",timeout" : "");
    set.properties.insert(std::find_if(set.properties.begin(), set.properties.end(), follows_flags),
                          flags);
}

}  // namespace

void mark_dynamic_sets(Ruleset& ruleset) {
    for (Table& table : ruleset.tables) {
        const std::set<std::string> names = added_to(table);
        for (Set& set : table.sets) {
            if (!set.dynamic && names.contains(set.name)) {
                add_flag(set);
                set.dynamic = true;
                set.elements.clear();
            }
        }
    }
}

}  // namespace rehome::lbsync
