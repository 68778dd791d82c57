// Who may begin what, and how much ("rehome/vipd-access/1"), one document that all gateways have
// alike: named lists of clients, access rules, limits of new flows a second, and admission, under
// overload, of a part of the clients.
//
// The rules stand in order: the first one that matches decides, else the default, which is said.
// Read as a whole or not at all, with all mistakes at once.  Immutable; made by one thread, read by
// any.  The digest is of what it says: where it is the same, so is what becomes of each client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/address.h"
#include "common/error.h"

namespace rehome::vipd {

struct AccessRule {
    enum class Protocol : uint8_t { any, tcp, udp, icmp };
    struct Ports {
        uint16_t first = 0, last = 65'535;

        bool operator==(const Ports&) const = default;
    };

    std::string name;     // empty: it has none
    std::string service;  // whose VIP, port and protocol it is about; empty: these are said
    std::vector<Prefix> clients;
    std::vector<Prefix> vips;
    std::vector<Ports> ports;  // empty: any, and what has none
    Protocol protocol = Protocol::any;
    bool drops = false;
};

// New flows a second, and how many may come at once.
struct FlowRate {
    double per_s = 0;
    double burst = 0;

    bool operator==(const FlowRate&) const = default;
};

struct LimitRules {
    // Of each client prefix of such a length.
    struct Clients {
        FlowRate rate;
        uint8_t v4_length = 32, v6_length = 56;
    };
    // Those whose prefixes have another rate each, as many stand behind one address; nothing: none.
    struct Except {
        std::vector<Prefix> clients;
        std::vector<std::string> said;  // by which word each is meant: itself, or a list
        std::optional<FlowRate> rate;
    };
    struct Named {
        std::string service;
        FlowRate rate;
    };
    struct OfVip {
        Address vip;
        FlowRate rate;
    };

    std::optional<Clients> clients;
    std::vector<Except> except;
    std::vector<Named> services;
    std::vector<OfVip> vips;

    bool empty() const { return !clients && services.empty() && vips.empty(); }
    // By which word an exception means exactly this address; nothing: by none.
    std::optional<std::string> excepts(const Address& client) const;
};

// Of all clients, by their addresses, those whose new flows are served.
struct AdmissionRule {
    uint32_t hundredths = 10'000;  // of a percent
    bool resets = true;            // who is turned away is told; else nothing is said

    bool all() const { return hundredths >= 10'000; }
};

struct AccessRules {
    static constexpr size_t prefixes_max = 100'000;  // of all lists and rules together

    std::vector<AccessRule> rules;
    bool drops_others = false;  // the default
    LimitRules limits;
    AdmissionRule admission;
    uint64_t digest = 0;                             // 0: nothing is said
    uint64_t rules_digest = 0;                       // of rules and default alone
    std::shared_ptr<const nlohmann::json> document;  // as it was read; not null

    bool decides() const { return !rules.empty() || drops_others; }
    std::set<std::string> named_services() const;  // that rules and limits name
    // "rule 3 (bots)", "the default".
    std::string name_of(uint32_t rule) const;
};

// services: those that may be named; null: any, of what was checked before.  under: the pointer at
// which the document stands in the file.
Checked<std::shared_ptr<const AccessRules>> read_access(std::string_view file,
                                                        std::string_view under,
                                                        const nlohmann::json& document,
                                                        const std::vector<std::string>* services);

nlohmann::json no_access();  // the document that says nothing

// As configuration holds it: equal where it says the same.
struct AccessConfig {
    std::shared_ptr<const AccessRules> rules;  // null: nothing is said

    uint64_t digest() const { return rules == nullptr ? 0 : rules->digest; }
    bool operator==(const AccessConfig& other) const { return digest() == other.digest(); }
};

}  // namespace rehome::vipd
