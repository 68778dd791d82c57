// Who logs in from where: addresses, numbers, and the spread over time.
#include "cutover/login/plan.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace rehome;
using namespace rehome::cutover;

namespace {

struct AddressCase {
    std::vector<const char*> prefixes;
    size_t count;
    std::vector<const char*> addresses;  // none: too few
};

const AddressCase address_cases[] = {
    {{"192.0.2.0/24"}, 3, {"192.0.2.1", "192.0.2.2", "192.0.2.3"}},
    {{"192.0.2.0/30"}, 2, {"192.0.2.1", "192.0.2.2"}},
    {{"192.0.2.0/30"}, 3, {}},
    {{"192.0.2.0/31"}, 2, {"192.0.2.0", "192.0.2.1"}},
    {{"192.0.2.9/32"}, 1, {"192.0.2.9"}},
    {{"192.0.2.9/32"}, 2, {}},
    {{"192.0.2.0/30", "198.51.100.0/24"}, 3, {"192.0.2.1", "192.0.2.2", "198.51.100.1"}},
    {{"2001:db8::/64"}, 2, {"2001:db8::", "2001:db8::1"}},
    {{"2001:db8::fffe/127"}, 2, {"2001:db8::fffe", "2001:db8::ffff"}},
    {{}, 1, {}},
};

Carrier red() {
    Carrier carrier;
    carrier.name = "red";
    carrier.clients = {*Prefix::parse("100.80.0.0/23")};
    return carrier;
}

Login meter(uint32_t sessions, uint32_t shared, uint32_t sources) {
    Login login;
    login.name = "meter";
    login.sessions_per_carrier = sessions;
    login.shared_source_sessions = shared;
    login.sources_per_carrier = sources;
    login.steps = {{LoginStep::Kind::send, {"L"}}, {LoginStep::Kind::expect, {"ok"}}};
    return login;
}

}  // namespace

TEST_CASE("login plan: the first usable addresses") {
    for (const AddressCase& c : address_cases) {
        std::vector<Prefix> prefixes;
        for (const char* text : c.prefixes) prefixes.push_back(*Prefix::parse(text));
        const auto addresses = first_addresses(prefixes, c.count);
        REQUIRE(addresses.has_value() == !c.addresses.empty());
        for (size_t i = 0; i < c.addresses.size(); ++i) {
            CHECK((*addresses)[i].text() == c.addresses[i]);
        }
    }
}

TEST_CASE("login plan: many behind the first address, the rest spread evenly") {
    const auto plan = plan_logins(meter(1000, 200, 300), red(), 0, {});
    REQUIRE(plan);
    std::map<size_t, int> behind;
    for (const LoginPlan::Client& client : plan->held) ++behind[client.source];
    CHECK(behind.size() == 300);
    CHECK(behind[0] == 200);
    for (const auto& [source, sessions] : behind) {
        if (source != 0) CHECK((sessions == 2 || sessions == 3));
    }
}

TEST_CASE("login plan: one address takes all") {
    const auto plan = plan_logins(meter(10, 3, 1), red(), 0, {});
    REQUIRE(plan);
    for (const LoginPlan::Client& client : plan->held) CHECK(client.source == 0);
}

TEST_CASE("login plan: numbers are unique over carriers, held sessions and canaries") {
    std::set<uint32_t> numbers;
    for (size_t carrier = 0; carrier < 3; ++carrier) {
        const auto plan = plan_logins(meter(500, 0, 10), red(), carrier, {});
        REQUIRE(plan);
        for (const LoginPlan::Client& client : plan->held) {
            CHECK(numbers.insert(client.number).second);
        }
        for (const uint32_t canary : {0u, LoginPlan::canary_numbers - 1}) {
            CHECK(numbers.insert(plan->canary_number + canary).second);
        }
        CHECK(plan->held.front().number == carrier * 1'000'000);
    }
    CHECK(*numbers.rbegin() < 100'000'000);  // eight digits
}

TEST_CASE("login plan: logins are paced, heartbeats spread over the interval") {
    LoginPace pace;
    pace.ramp_per_s = 100;
    const auto plan = plan_logins(meter(200, 0, 10), red(), 0, pace);
    REQUIRE(plan);
    CHECK(plan->held[0].first_us == 0);
    CHECK(plan->held[100].first_us == 1'000'000);
    CHECK(plan->held[199].first_us == 1'990'000);
    CHECK(plan->held[0].phase_us == 0);
    CHECK(plan->held[100].phase_us == 1'000'000);
    CHECK(plan->held[199].phase_us == 1'990'000);
}

TEST_CASE("login plan: a canary is done before its slot's next turn") {
    LoginPace pace;
    pace.canaries_per_s = 4;
    const auto plan = plan_logins(meter(1, 0, 1), red(), 0, pace);
    REQUIRE(plan);
    // Connecting, the login's answer and the heartbeat's: 2 s each at most.
    CHECK(plan->canary_rules.canary_us > 3 * 2'000'000);
    CHECK(plan->canaries.size() * 250'000 == static_cast<size_t>(plan->canary_rules.canary_us));
    CHECK(plan->canaries[1].first_us == 250'000);
    pace.canaries_per_s = 0;
    CHECK(plan_logins(meter(1, 0, 1), red(), 0, pace)->canaries.empty());
}

TEST_CASE("login plan: what cannot be laid out is refused") {
    const auto few = plan_logins(meter(10, 0, 511), red(), 0, {});
    REQUIRE_FALSE(few);
    CHECK(few.error().kind == Exit::usage);
    CHECK(few.error().text() ==
          "login meter on carrier red: clients: 510 usable addresses, expected 511");
    CHECK_FALSE(plan_logins(meter(900'001, 0, 1), red(), 0, {}));
    CHECK_FALSE(plan_logins(meter(1, 0, 1), red(), 99, {}));
}
