#include "vipd/access/access.h"

namespace rehome::vipd {

Access::Access(std::shared_ptr<const AccessRules> document, std::shared_ptr<const Classifier> finds,
               size_t flat, Micros took, uint64_t bytes_read)
    : rules(std::move(document)),
      classifier(std::move(finds)),
      flat_rules(flat),
      built_in(took),
      bytes(bytes_read) {
    dropping.push_back(rules->drops_others ? 1 : 0);
    for (const AccessRule& rule : rules->rules) {
        dropping.push_back(rule.drops ? 1 : 0);
    }
}

bool same_targets(const std::vector<ServiceConfig>& a, const std::vector<ServiceConfig>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const ServiceConfig& x, const ServiceConfig& y) {
                          return x.name == y.name && x.vip == y.vip && x.port == y.port &&
                                 x.protocol == y.protocol;
                      });
}

uint32_t decides(const Access& access, const FlowKey& key) {
    uint32_t rule = Classifier::none;
    const auto find = [&](auto made) {
        made.set(key.protocol, key.client.address.bytes.data(), key.vip.address.bytes.data(),
                 key.vip.port);
        access.classifier->find(std::span(&made, 1), &rule);
    };
    if (key.client.address.family != key.vip.address.family) {
        return rule;
    }
    if (key.vip.address.family == Family::v4) {
        find(AccessKeyV4());
    } else {
        find(AccessKeyV6());
    }
    return rule;
}

}  // namespace rehome::vipd
