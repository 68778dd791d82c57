// Which rule decides: DPDK's classifier against the document's rules, one after the other, the
// first that matches.
#include "vipd/access/access.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/adapter/dpdk_started.h"
#include "tests/unit/vipd/packets.h"
#include "vipd/adapter/acl.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

// Addresses of few bits, so that prefixes and keys meet.
Address drawn_address(Family family) {
    Address address = family == Family::v4 ? ip("10.0.0.0") : ip("2001:db8::");
    const size_t last = address.bits() / 8;
    address.bytes[last - 1] = *rc::gen::arbitrary<uint8_t>();
    address.bytes[last - 2] = static_cast<uint8_t>(*rc::gen::inRange(0, 4));
    if (family == Family::v6) {
        address.bytes[5] = static_cast<uint8_t>(*rc::gen::inRange(0, 3));
    }
    return address;
}

Prefix drawn_prefix(Family family) {
    Prefix prefix{drawn_address(family), 0};
    prefix.length = static_cast<unsigned>(
        *rc::gen::element(0U, 7U, 8U, 16U, 22U, 23U, 24U, 25U, 30U, 31U, 32U));
    if (family == Family::v6) {
        prefix.length = *rc::gen::element(0U, 32U, 40U, 47U, 48U, 64U, 118U, 119U, 127U, 128U);
    }
    for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit) {
        prefix.address.bytes[bit / 8] =
            static_cast<uint8_t>(prefix.address.bytes[bit / 8] & ~(0x80U >> bit % 8));
    }
    return prefix;
}

std::vector<Prefix> drawn_prefixes() {
    std::vector<Prefix> prefixes;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        prefixes.push_back(drawn_prefix(*rc::gen::element(Family::v4, Family::v6)));
    }
    return prefixes;
}

AccessRule drawn_rule() {
    AccessRule rule;
    rule.drops = *rc::gen::arbitrary<bool>();
    rule.clients = drawn_prefixes();
    if (*rc::gen::inRange(0, 5) == 0) {
        rule.service = *rc::gen::element<std::string>("meters", "other");
        return rule;
    }
    rule.vips = drawn_prefixes();
    rule.protocol = *rc::gen::element(AccessRule::Protocol::any, AccessRule::Protocol::tcp,
                                      AccessRule::Protocol::udp, AccessRule::Protocol::icmp);
    for (int i = *rc::gen::inRange(0, 3); i > 0 && rule.protocol != AccessRule::Protocol::icmp;
         --i) {
        const auto first = static_cast<uint16_t>(*rc::gen::inRange(1, 2000));
        const auto more = static_cast<uint16_t>(*rc::gen::inRange(0, 300));
        rule.ports.push_back({first, static_cast<uint16_t>(first + more)});
    }
    return rule;
}

FlowKey drawn_key() {
    const Family family = *rc::gen::element(Family::v4, Family::v6);
    const uint8_t protocol = *rc::gen::element<uint8_t>(6, 17, 1, 58, 50);
    const bool ports = protocol == 6 || protocol == 17;
    return {protocol,
            {drawn_address(family), 40000},
            {drawn_address(family),
             ports ? static_cast<uint16_t>(*rc::gen::inRange(1, 2300)) : uint16_t{0}}};
}

// The rule's own words, with nothing laid out flat.
bool matches(const AccessRule& rule, const FlowKey& key, const ServiceConfig& meters) {
    const auto within = [](const std::vector<Prefix>& prefixes, const Address& address) {
        return prefixes.empty() ||
               std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const Prefix& prefix) { return prefix.contains(address); });
    };
    if (!within(rule.clients, key.client.address)) {
        return false;
    }
    if (!rule.service.empty()) {
        return rule.service == meters.name && key.vip == Endpoint{meters.vip, meters.port} &&
               key.protocol == static_cast<uint8_t>(meters.protocol);
    }
    const bool icmp = key.protocol == 1 || key.protocol == 58;
    const bool protocol = rule.protocol == AccessRule::Protocol::any ||
                          (rule.protocol == AccessRule::Protocol::tcp && key.protocol == 6) ||
                          (rule.protocol == AccessRule::Protocol::udp && key.protocol == 17) ||
                          (rule.protocol == AccessRule::Protocol::icmp && icmp);
    const bool ports = rule.ports.empty() ||
                       std::any_of(rule.ports.begin(), rule.ports.end(), [&](const auto& range) {
                           return range.first <= key.vip.port && key.vip.port <= range.last;
                       });
    return protocol && ports && within(rule.vips, key.vip.address);
}

ServiceConfig meters() {
    ServiceConfig service;
    service.name = "meters";
    service.vip = ip("10.0.0.7");
    service.port = 1883;
    return service;
}

}  // namespace

TEST_CASE("the first rule that matches decides, in bursts and one by one, here and in DPDK") {
    REQUIRE(dpdk_started());
    CHECK(rc::check([] {
        auto rules = std::make_shared<AccessRules>();
        for (int i = *rc::gen::inRange(0, 12); i > 0; --i) {
            rules->rules.push_back(drawn_rule());
        }
        rules->drops_others = *rc::gen::arbitrary<bool>();
        const auto flat = flatten(*rules, {meters()});
        RC_ASSERT(flat.has_value());
        const Access plain{rules, plain_classifier(*flat)};
        const auto built = make_access(rules, {meters()});
        RC_ASSERT(built.has_value());
        const Access& acl = **built;
        std::vector<FlowKey> keys;
        for (int i = 0; i < 70; ++i) {
            keys.push_back(drawn_key());
        }
        keys.push_back({6, {ip("10.0.0.9"), 1}, {ip("10.0.0.7"), 1883}});
        std::vector<AccessKeyV4> v4;
        std::vector<uint32_t> expected_v4;
        for (const FlowKey& key : keys) {
            uint32_t expected = Classifier::none;
            for (uint32_t i = 0; i < rules->rules.size() && expected == Classifier::none; ++i) {
                expected = matches(rules->rules[i], key, meters()) ? i : expected;
            }
            RC_ASSERT(decides(plain, key) == expected);
            RC_ASSERT(decides(acl, key) == expected);
            if (key.vip.address.family == Family::v4) {
                v4.emplace_back().set(key.protocol, key.client.address.bytes.data(),
                                      key.vip.address.bytes.data(), key.vip.port);
                expected_v4.push_back(expected);
            }
        }
        std::vector<uint32_t> found(v4.size());
        acl.classifier->find(v4, found.data());
        RC_ASSERT(found == expected_v4);
    }));
}

TEST_CASE("both families have rules of their own") {
    REQUIRE(dpdk_started());
    auto rules = std::make_shared<AccessRules>();
    for (const char* client : {"10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32", "2001:db8::1/128",
                               "2001:db8::2/128", "2001:db8::3/128"}) {
        AccessRule rule;
        rule.clients = {*Prefix::parse(client)};
        rules->rules.push_back(rule);
    }
    for (int i = 0; i < 3; ++i) {
        const auto built = make_access(rules, {});
        REQUIRE(built.has_value());
        CHECK(decides(**built, {6, end("10.0.0.3:1"), end("10.0.0.7:1883")}) == 2);
        CHECK(decides(**built, {6, end("[2001:db8::3]:1"), end("[2001:db8::7]:1883")}) == 5);
    }
}

TEST_CASE("too many rules are an error, and change nothing") {
    REQUIRE(dpdk_started());
    auto rules = std::make_shared<AccessRules>();
    AccessRule rule;
    for (uint32_t i = 0; i < 200; ++i) {
        rule.clients.push_back({Address::v4(0x0a000000 + i), 32});
        rule.vips.push_back({Address::v4(0x0b000000 + i), 32});
    }
    rules->rules.push_back(rule);  // 40,000
    const auto made = make_access(rules, {});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().kind == Exit::usage);
    CHECK(made.error().what.find("expected at most 32768") != std::string::npos);
}
