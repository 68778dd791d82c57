#include "lbsync/kernel/xt_tables.h"

#include <algorithm>

namespace rehome::lbsync::kernel {

namespace {

std::string_view family_of(const iptables::Save& save) {
    return save.family == Family::v4 ? "ip" : "ip6";
}

bool shows_all(const iptables::Table& shown, const Table& table) {
    return std::all_of(table.chains.begin(), table.chains.end(), [&](const Chain& chain) {
        const iptables::Chain* const other = shown.chain(chain.self.node.text("name"));
        return other != nullptr && other->rules.size() == chain.rules.size();
    });
}

}  // namespace

void keep_whole(iptables::Dump& dump, const Ruleset& ruleset) {
    for (iptables::Save& save : dump.saves) {
        std::erase_if(save.tables, [&](const iptables::Table& table) {
            const Table* const runs = ruleset.find(family_of(save), table.name);
            return save.backend == iptables::Backend::nft &&
                   (runs == nullptr || !shows_all(table, *runs));
        });
    }
    dump.warnings.clear();  // of tables that it does not show, which the kernel does
}

bool shows(const iptables::Dump& dump, std::string_view family, std::string_view table) {
    return std::any_of(dump.saves.begin(), dump.saves.end(), [&](const iptables::Save& save) {
        return save.backend == iptables::Backend::nft && family == family_of(save) &&
               std::any_of(save.tables.begin(), save.tables.end(),
                           [&](const iptables::Table& one) { return one.name == table; });
    });
}

}  // namespace rehome::lbsync::kernel
