#include "vipd/access/classifier.h"

#include <fmt/format.h>

namespace rehome::vipd {

namespace {

// Two prefixes, one a family: any address.
const std::vector<Prefix>& anywhere() {
    static const std::vector<Prefix> all{{Address{Family::v4, {}}, 0},
                                         {Address{Family::v6, {}}, 0}};
    return all;
}

uint8_t number_of(AccessRule::Protocol protocol) {
    switch (protocol) {
        case AccessRule::Protocol::tcp:
            return static_cast<uint8_t>(Protocol::tcp);
        case AccessRule::Protocol::udp:
            return static_cast<uint8_t>(Protocol::udp);
        case AccessRule::Protocol::icmp:
            return icmp_in_rules;
        case AccessRule::Protocol::any:
            break;
    }
    return 0;
}

class Flattening {
public:
    // False: they are too many.
    bool add(const AccessRule& rule, uint32_t number, const std::vector<ServiceConfig>& services) {
        if (rule.service.empty()) {
            const std::vector<AccessRule::Ports> any(1);
            return add(rule, number, rule.vips.empty() ? anywhere() : rule.vips,
                       rule.ports.empty() ? any : rule.ports, number_of(rule.protocol));
        }
        const auto service =
            std::find_if(services.begin(), services.end(),
                         [&](const ServiceConfig& one) { return one.name == rule.service; });
        if (service == services.end()) {
            return true;
        }
        return add(rule, number, {Prefix{service->vip, service->vip.bits()}},
                   {AccessRule::Ports{service->port, service->port}},
                   static_cast<uint8_t>(service->protocol));
    }
    FlatRules take() { return std::move(made_); }

private:
    bool add(const AccessRule& rule, uint32_t number, const std::vector<Prefix>& vips,
             const std::vector<AccessRule::Ports>& ports, uint8_t protocol) {
        for (const Prefix& client : rule.clients.empty() ? anywhere() : rule.clients) {
            auto& of_family = client.address.family == Family::v4 ? made_.v4 : made_.v6;
            for (const Prefix& vip : vips) {
                if (vip.address.family != client.address.family) {
                    continue;
                }
                for (const AccessRule::Ports& range : ports) {
                    if (made_.size() == FlatRules::most) {
                        return false;
                    }
                    of_family.push_back({client, vip, range.first, range.last, protocol, number});
                }
            }
        }
        return true;
    }

    FlatRules made_;
};

template <size_t address_bytes>
class Plain {
public:
    explicit Plain(std::vector<FlatRule> rules) : rules_(std::move(rules)) {}

    uint32_t find(const AccessKey<address_bytes>& key) const {
        using Key = AccessKey<address_bytes>;
        Address client, vip;
        client.family = vip.family = address_bytes == 4 ? Family::v4 : Family::v6;
        std::copy_n(&key.bytes[Key::client_at], address_bytes, client.bytes.begin());
        std::copy_n(&key.bytes[Key::vip_at], address_bytes, vip.bytes.begin());
        const uint16_t port = load16(&key.bytes[Key::port_at]);
        for (const FlatRule& rule : rules_) {
            if (rule.client.contains(client) && rule.vip.contains(vip) && rule.first_port <= port &&
                port <= rule.last_port && (rule.protocol == 0 || rule.protocol == key.bytes[0])) {
                return rule.rule;
            }
        }
        return Classifier::none;
    }

private:
    std::vector<FlatRule> rules_;
};

class PlainClassifier : public Classifier {
public:
    explicit PlainClassifier(FlatRules rules)
        : v4_(std::move(rules.v4)), v6_(std::move(rules.v6)) {}

    void find(std::span<const AccessKeyV4> keys, uint32_t* rules) const override {
        std::transform(keys.begin(), keys.end(), rules,
                       [&](const AccessKeyV4& key) { return v4_.find(key); });
    }
    void find(std::span<const AccessKeyV6> keys, uint32_t* rules) const override {
        std::transform(keys.begin(), keys.end(), rules,
                       [&](const AccessKeyV6& key) { return v6_.find(key); });
    }

private:
    Plain<4> v4_;
    Plain<16> v6_;
};

}  // namespace

Result<FlatRules> flatten(const AccessRules& rules, const std::vector<ServiceConfig>& services) {
    Flattening flat;
    for (uint32_t i = 0; i < rules.rules.size(); ++i) {
        if (!flat.add(rules.rules[i], i, services)) {
            return fail(Exit::usage, "",
                        fmt::format("the rules make more than {0} of one client prefix, VIP and "
                                    "range of ports each, expected at most {0}",
                                    FlatRules::most));
        }
    }
    return flat.take();
}

std::unique_ptr<const Classifier> plain_classifier(FlatRules rules) {
    return std::make_unique<const PlainClassifier>(std::move(rules));
}

}  // namespace rehome::vipd
