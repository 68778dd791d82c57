// The access rules as workers act on them: the document, and who finds the rule that decides.
//
// Immutable; made aside, which may take a second, while the one before serves.
#pragma once

#include <cstdint>
#include <memory>

#include "vipd/access/classifier.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

struct Access {
    std::shared_ptr<const AccessRules> rules;      // not null
    std::shared_ptr<const Classifier> classifier;  // not null
    size_t flat_rules = 0;
    Micros built_in = 0;
    uint64_t bytes = 0;  // of what the classifier reads

    // By the rule found, or Classifier::none.
    bool drops(uint32_t rule) const {
        return rule == Classifier::none ? rules->drops_others : rules->rules[rule].drops;
    }
    // Rules count by their numbers, the default behind them.
    size_t counters() const { return rules->rules.size() + 1; }
    size_t counter_of(uint32_t rule) const { return std::min<size_t>(rule, rules->rules.size()); }
};

// What the rules decide about depends on these, and on the services' VIPs, ports and protocols.
bool same_targets(const std::vector<ServiceConfig>& a, const std::vector<ServiceConfig>& b);

// The rule that decides about a client's packet to a VIP.
uint32_t decides(const Access& access, const FlowKey& key);

}  // namespace rehome::vipd
