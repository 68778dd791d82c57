// Who logs in from where, and when: a carrier's sessions and canaries laid out over its client
// addresses and over time.
//
// Session numbers are unique over all carriers (a server may know a client by it): the carrier's
// place in the inventory x 1,000,000 + n; held sessions count from 0, canaries from 900,000 on.
// Of the held sessions, shared_source_sessions stand behind the carrier's first source address (the
// many old clients behind one NAT address), the rest are dealt over the others.
#pragma once

#include <cstdint>
#include <vector>

#include "common/address.h"
#include "common/error.h"
#include "common/inventory.h"
#include "cutover/login/session.h"

namespace rehome::cutover {

struct LoginPace {
    double ramp_per_s = 500;    // first logins of held sessions
    double canaries_per_s = 2;  // 0: none
    int64_t give_up_ms = 10'000;
    int64_t backoff_first_ms = 200;
    int64_t backoff_max_ms = 5'000;
};

struct LoginPlan {
    struct Client {
        uint32_t number = 0;
        size_t source = 0;     // of sources
        int64_t first_us = 0;  // its first login, after the agent's start
        int64_t phase_us = 0;  // of its heartbeats, or of its coming when it is a canary
    };

    LoginRules held_rules;
    LoginRules canary_rules;
    std::vector<Address> sources;
    std::vector<Client> held;
    std::vector<Client> canaries;  // as many as can be under way at a time
    uint32_t canary_number = 0;    // the first one; they go on to the next canary_numbers
    static constexpr uint32_t canary_numbers = 100'000;
};

// The first count usable host addresses of the prefixes: without network and broadcast address
// where an IPv4 subnet has them.  An error when there are fewer.
Result<std::vector<Address>> first_addresses(const std::vector<Prefix>& prefixes, size_t count);

// carrier_index: the carrier's place in the inventory.
Result<LoginPlan> plan_logins(const Login& login, const Carrier& carrier, size_t carrier_index,
                              const LoginPace& pace);

}  // namespace rehome::cutover
