#include "lbsync/side/kernel_policy.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/kernel/read.h"

namespace rehome::lbsync::side {

namespace {

std::string_view family_of(const iptables::Save& save) {
    return save.family == Family::v4 ? "ip" : "ip6";
}

bool shows_all(const iptables::Table& shown, const kernel::Table& table) {
    return std::all_of(table.chains.begin(), table.chains.end(), [&](const kernel::Chain& chain) {
        const iptables::Chain* const other = shown.chain(chain.self.node.text("name"));
        return other != nullptr && other->rules.size() == chain.rules.size();
    });
}

bool shows(const iptables::Dump& dump, const kernel::Table& table) {
    return std::any_of(dump.saves.begin(), dump.saves.end(), [&](const iptables::Save& save) {
        return save.backend == iptables::Backend::nft && table.family == family_of(save) &&
               std::any_of(save.tables.begin(), save.tables.end(),
                           [&](const iptables::Table& one) { return one.name == table.name(); });
    });
}

void tell_unknown(const kernel::Part& part, const std::string& where, std::vector<Doubt>& doubts) {
    for (const std::string& what : part.unknown) {
        doubts.push_back({where, fmt::format("{}: unknown to this program", what)});
    }
}

void tell_unknown(const kernel::Table& table, const std::string& where,
                  std::vector<Doubt>& doubts) {
    tell_unknown(table.self, where, doubts);
    for (const auto* parts : {&table.objects, &table.flowtables}) {
        for (const kernel::Part& part : *parts) {
            tell_unknown(part, where, doubts);
        }
    }
    for (const kernel::Set& set : table.sets) {
        tell_unknown(set.self, where, doubts);
    }
    for (const kernel::Chain& chain : table.chains) {
        const std::string place = fmt::format("{}: chain {}", where, chain.self.node.text("name"));
        tell_unknown(chain.self, place, doubts);
        for (const kernel::Part& rule : chain.rules) {
            tell_unknown(rule, fmt::format("{}: handle {}", place, rule.node.number("handle")),
                         doubts);
        }
    }
}

}  // namespace

void keep_whole(iptables::Dump& dump, const Reading& reading) {
    if (reading.kernel == nullptr) {
        return;
    }
    for (iptables::Save& save : dump.saves) {
        std::erase_if(save.tables, [&](const iptables::Table& table) {
            const kernel::Table* const runs = reading.kernel->find(family_of(save), table.name);
            return save.backend == iptables::Backend::nft &&
                   (runs == nullptr || !shows_all(table, *runs));
        });
    }
    dump.warnings.clear();  // of tables that it does not show, which the kernel does
}

policy::Policy kernel_policy(const Reading& reading, const std::string& where,
                             const iptables::Dump& shown) {
    if (reading.kernel == nullptr) {
        return policy_of(reading, where, kernel::Images::same());
    }
    Reading rest = reading;
    kernel::Ruleset ruleset = *reading.kernel;
    std::erase_if(ruleset.tables, [&](const kernel::Table& table) { return shows(shown, table); });
    std::vector<Doubt> doubts;
    for (const kernel::Table& table : ruleset.tables) {
        if (!belongs_to_others(table.name())) {
            tell_unknown(table, fmt::format("{}: table {} {}", where, table.family, table.name()),
                         doubts);
        }
    }
    rest.kernel = std::make_shared<const kernel::Ruleset>(std::move(ruleset));
    policy::Policy policy = policy_of(rest, where, kernel::Images::same());
    policy.doubts.insert(policy.doubts.end(), doubts.begin(), doubts.end());
    return policy;
}

}  // namespace rehome::lbsync::side
