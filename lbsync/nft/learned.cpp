#include "lbsync/nft/learned.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/nft/members.h"
#include "lbsync/nft/text.h"

namespace rehome::lbsync {

namespace {

const Set* dynamic_set(const Ruleset& ruleset, const TextTable& text, const TextObject& object) {
    Table like;
    like.family = text.family;
    like.name = text.name;
    const Table* table = find(ruleset.tables, like);
    if (table == nullptr) {
        return nullptr;
    }
    const auto set = std::find_if(table->sets.begin(), table->sets.end(), [&](const Set& it) {
        return it.dynamic && it.kind == object.kind && it.name == object.name;
    });
    return set == table->sets.end() ? nullptr : &*set;
}

}  // namespace

std::string type_property(const Set& set) {
    const auto found = std::find_if(
        set.properties.begin(), set.properties.end(),
        [](const auto& it) { return it.starts_with("type ") || it.starts_with("typeof "); });
    return found == set.properties.end() ? "" : *found;
}

Result<std::vector<Learned>> read_learned(std::string_view text, const Ruleset& ruleset) {
    const auto tables = parse_nft_text(text);
    if (!tables) {
        return tl::unexpected(tables.error());
    }
    std::vector<Learned> all;
    for (const TextTable& table : *tables) {
        for (const TextObject& object : table.objects) {
            if (const Set* set = dynamic_set(ruleset, table, object)) {
                all.push_back(
                    {table.family, table.name, set->name, type_property(*set), object.elements});
            }
        }
    }
    return all;
}

std::string add_elements(const Learned& learned) {
    return learned.elements.empty() ? ""
                                    : fmt::format("add element {} {} {} {{ {} }}\n", learned.family,
                                                  learned.table, learned.set, learned.elements);
}

}  // namespace rehome::lbsync
