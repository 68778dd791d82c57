#include "lbsync/side/kernel_policy.h"

#include <fmt/format.h>

#include "lbsync/iptables/host_dump.h"
#include "lbsync/iptables/meaning.h"
#include "lbsync/kernel/read.h"
#include "lbsync/kernel/xt_tables.h"
#include "lbsync/policy/merge.h"

namespace rehome::lbsync::side {

namespace {

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

// Without what iptables' dump shows.
policy::Policy of_nft(const Reading& reading, const std::string& where) {
    if (reading.kernel == nullptr) {
        return policy_of(reading, where);
    }
    Reading rest = reading;
    kernel::Ruleset ruleset = *reading.kernel;
    std::erase_if(ruleset.tables, [&](const kernel::Table& table) {
        return reading.iptables &&
               kernel::shows(reading.iptables->dump, table.family, table.name());
    });
    std::vector<Doubt> doubts;
    for (const kernel::Table& table : ruleset.tables) {
        if (!belongs_to_others(table.name())) {
            tell_unknown(table, fmt::format("{}: table {} {}", where, table.family, table.name()),
                         doubts);
        }
    }
    rest.kernel = std::make_shared<const kernel::Ruleset>(std::move(ruleset));
    policy::Policy policy = policy_of(rest, where);
    policy.doubts.insert(policy.doubts.end(), doubts.begin(), doubts.end());
    return policy;
}

}  // namespace

policy::Policy kernel_policy(const Reading& reading, const std::string& where) {
    policy::Policy policy;
    if (reading.iptables) {
        policy = iptables::meaning(reading.iptables->dump, where);
        const auto& doubts = reading.iptables->doubts;
        policy.doubts.insert(policy.doubts.end(), doubts.begin(), doubts.end());
    }
    policy::append(policy, of_nft(reading, where));
    return policy;
}

}  // namespace rehome::lbsync::side
