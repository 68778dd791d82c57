#include "cutover/login/plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace rehome::cutover {
namespace {

constexpr uint32_t numbers_per_carrier = 1'000'000;
constexpr uint32_t first_canary = 900'000;
constexpr size_t carriers_most = 99;  // {session} has eight digits

Address next(Address address) {
    for (size_t at = address.data().size(); at-- > 0;) {
        if (++address.bytes[at] != 0) break;
    }
    return address;
}

// How many hosts a prefix has, but not more than most.
uint64_t usable(const Prefix& prefix, uint64_t most) {
    const unsigned host_bits = prefix.address.bits() - prefix.length;
    if (host_bits >= 32) return most;
    const uint64_t all = uint64_t{1} << host_bits;
    const bool reserved = prefix.address.family == Family::v4 && host_bits > 1;
    return std::min(most, reserved ? all - 2 : all);
}

LoginRules rules_of(const Login& login, const LoginPace& pace) {
    LoginRules rules;
    rules.timeout_us = int64_t{login.timeout_ms} * 1000;
    rules.heartbeat_us = int64_t{login.heartbeat_every_ms} * 1000;
    rules.give_up_us = pace.give_up_ms * 1000;
    rules.backoff_first_us = pace.backoff_first_ms * 1000;
    rules.backoff_max_us = pace.backoff_max_ms * 1000;
    return rules;
}

void plan_held(LoginPlan& plan, const Login& login, uint32_t base, double ramp_per_s) {
    const uint32_t count = login.sessions_per_carrier;
    const size_t others = plan.sources.size() - 1;
    for (uint32_t n = 0; n < count; ++n) {
        const bool shared = n < login.shared_source_sessions || others == 0;
        LoginPlan::Client client;
        client.number = base + n;
        client.source = shared ? 0 : 1 + (n - login.shared_source_sessions) % others;
        client.first_us = static_cast<int64_t>(n * 1e6 / ramp_per_s);
        client.phase_us = plan.held_rules.heartbeat_us * n / count;
        plan.held.push_back(client);
    }
}

// Each slot comes again after an interval in which a canary has ended for certain: it connects,
// waits for the login and for one heartbeat.
void plan_canaries(LoginPlan& plan, size_t steps, double per_s) {
    if (per_s <= 0) return;
    const auto waits = static_cast<double>(steps + 2);
    const double longest_s = static_cast<double>(plan.held_rules.timeout_us) * waits / 1e6;
    const auto slots = static_cast<size_t>(std::ceil(longest_s * per_s)) + 1;
    plan.canary_rules = plan.held_rules;
    plan.canary_rules.canary = true;
    plan.canary_rules.canary_us = static_cast<int64_t>(static_cast<double>(slots) * 1e6 / per_s);
    for (size_t slot = 0; slot < slots; ++slot) {
        const auto at = static_cast<int64_t>(static_cast<double>(slot) * 1e6 / per_s);
        plan.canaries.push_back({plan.canary_number, 0, at, at});
    }
}

}  // namespace

Result<std::vector<Address>> first_addresses(const std::vector<Prefix>& prefixes, size_t count) {
    std::vector<Address> addresses;
    for (const Prefix& prefix : prefixes) {
        uint64_t left = usable(prefix, count - addresses.size());
        Address address = prefix.address;
        if (address.family == Family::v4 && prefix.length < 31) address = next(address);
        for (; left > 0; --left, address = next(address)) addresses.push_back(address);
    }
    if (addresses.size() < count) {
        return fail(Exit::usage, "clients",
                    fmt::format("{} usable addresses, expected {}", addresses.size(), count));
    }
    return addresses;
}

Result<LoginPlan> plan_logins(const Login& login, const Carrier& carrier, size_t carrier_index,
                              const LoginPace& pace) {
    const std::string where = "login " + login.name + " on carrier " + carrier.name;
    if (login.sessions_per_carrier > first_canary || carrier_index >= carriers_most) {
        return fail(Exit::usage, where,
                    fmt::format("too many to number, expected at most {} sessions on {} carriers",
                                first_canary, carriers_most));
    }
    auto sources = first_addresses(carrier.clients, std::max(login.sources_per_carrier, 1u));
    if (!sources) return fail(Exit::usage, where, sources.error().text());

    LoginPlan plan;
    const auto base = static_cast<uint32_t>(carrier_index * numbers_per_carrier);
    plan.sources = std::move(*sources);
    plan.held_rules = rules_of(login, pace);
    plan.canary_number = base + first_canary;
    plan_held(plan, login, base, pace.ramp_per_s);
    plan_canaries(plan, login.steps.size(), pace.canaries_per_s);
    return plan;
}

}  // namespace rehome::cutover
