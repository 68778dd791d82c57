// The access rules as workers act on them: the document, and who finds the rule that decides.
//
// Immutable; made aside, which may take a second, while the one before serves.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vipd/access/classifier.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

struct Access {
    Access(std::shared_ptr<const AccessRules> document, std::shared_ptr<const Classifier> finds,
           size_t flat = 0, Micros took = 0, uint64_t bytes_read = 0);

    // By the rule found, or Classifier::none.
    bool drops(uint32_t rule) const { return dropping[counter_of(rule)] != 0; }
    // The default counts first, then the rules in their order.
    size_t counters() const { return dropping.size(); }
    static size_t counter_of(uint32_t rule) { return rule + 1; }
    static_assert(Classifier::none + 1 == 0);

    std::shared_ptr<const AccessRules> rules;      // not null
    std::shared_ptr<const Classifier> classifier;  // not null
    size_t flat_rules = 0;
    Micros built_in = 0;
    uint64_t bytes = 0;  // of what the classifier reads
    // By counter_of(), a byte each: the rule itself would be a cache line to fetch for each packet.
    std::vector<uint8_t> dropping;
};

// What the rules decide about depends on these, and on the services' VIPs, ports and protocols.
bool same_targets(const std::vector<ServiceConfig>& a, const std::vector<ServiceConfig>& b);

// The rule that decides about a client's packet to a VIP.
uint32_t decides(const Access& access, const FlowKey& key);

}  // namespace rehome::vipd
