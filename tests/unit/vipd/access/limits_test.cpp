// New flows a second, and who is admitted.
#include "vipd/access/limits.h"

#include <doctest/doctest.h>

#include <thread>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/packets.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

const std::vector<Limits::Service> services{{3, "meters", ip("198.51.100.10")},
                                            {4, "game", ip("198.51.100.10")}};

std::shared_ptr<const Limits> limits(const std::string& text) {
    nlohmann::json document = nlohmann::json::parse(text);
    document["schema"] = "rehome/vipd-access/1";
    document["default"] = "accept";
    return Limits::make(**read_access("rules", "", document, nullptr), services, 5, 7);
}

FlowKey from(const std::string& client) {
    return {6, {ip(client), 40000}, end("198.51.100.10:1883")};
}

constexpr Micros second = 1'000'000;

// How many of so many in one moment may begin.
unsigned begun(const Limits& of, const std::string& client, uint32_t service, Micros now,
               unsigned tries = 100) {
    unsigned count = 0;
    for (unsigned i = 0; i < tries; ++i) {
        count += of.take(from(client), service, now) ? 0 : 1;
    }
    return count;
}

}  // namespace

TEST_CASE("a burst at once, and then the rate") {
    const auto of = limits(R"({"limits": {"clients": {"per_s": 10, "burst": 20}}})");
    CHECK(begun(*of, "192.0.2.1", 3, second) == 20);
    CHECK(begun(*of, "192.0.2.1", 3, second) == 0);
    CHECK(begun(*of, "192.0.2.2", 3, second) == 20);
    CHECK(begun(*of, "192.0.2.1", 3, second + second / 10) == 1);
    CHECK(begun(*of, "192.0.2.1", 3, 2 * second) == 9);
    CHECK(begun(*of, "192.0.2.1", 3, 60 * second) == 20);
    CHECK(of->take(from("192.0.2.1"), 3, 60 * second) == Drop::client_limit);
}

TEST_CASE("of prefixes, with exceptions") {
    const auto of =
        limits(R"({"limits": {"clients": {"per_s": 5, "ipv4_length": 24, "ipv6_length": 48,
        "except": [{"clients": ["192.0.2.128/25"], "per_s": 50}, {"clients": ["192.0.2.200/32"]}]}}})");
    CHECK(begun(*of, "192.0.2.1", 3, second) == 5);
    CHECK(begun(*of, "192.0.2.2", 3, second) == 0);
    CHECK(begun(*of, "192.0.3.2", 3, second) == 5);
    CHECK(begun(*of, "192.0.2.200", 3, second, 1000) == 1000);
    CHECK(begun(*of, "2001:db8::1", 3, second) == 5);
    CHECK(begun(*of, "2001:db8:0:1::1", 3, second) == 0);
    CHECK(begun(*of, "2001:db8:1::1", 3, second) == 5);
}

TEST_CASE("an exception and its neighbours of the same prefix take nothing from each other") {
    const auto more = limits(R"({"limits": {"clients": {"per_s": 0.01, "ipv4_length": 24,
        "except": [{"clients": ["192.0.2.21", "2001:db8::21"], "per_s": 50}]}}})");
    const auto less = limits(R"({"limits": {"clients": {"per_s": 50, "ipv4_length": 24,
        "except": [{"clients": ["192.0.2.21", "2001:db8::21"], "per_s": 0.01}]}}})");
    for (const std::string net : {"192.0.2.", "2001:db8::"}) {
        CHECK(begun(*more, net + "22", 3, second) == 1);
        CHECK(begun(*more, net + "21", 3, second) == 50);
        CHECK(begun(*more, net + "23", 3, second) == 0);
        CHECK(begun(*less, net + "21", 3, second) == 1);
        CHECK(begun(*less, net + "22", 3, second) == 50);
        CHECK(begun(*less, net + "21", 3, second) == 0);
    }
}

TEST_CASE("of a service and of a VIP, each by itself") {
    const auto of = limits(R"({"limits": {"services": [{"service": "meters", "per_s": 30}],
        "vips": [{"vip": "198.51.100.10", "per_s": 40}]}})");
    CHECK(begun(*of, "192.0.2.1", 3, second) == 30);
    CHECK(of->take(from("192.0.2.1"), 3, second) == Drop::service_limit);
    CHECK(begun(*of, "192.0.2.1", 4, second) == 10);
    CHECK(of->take(from("192.0.2.1"), 4, second) == Drop::vip_limit);
}

TEST_CASE("what a client may not begin counts for nobody else") {
    const auto of = limits(R"({"limits": {"clients": {"per_s": 1},
        "services": [{"service": "meters", "per_s": 50}]}})");
    CHECK(begun(*of, "192.0.2.1", 3, second) == 1);
    unsigned others = 0;
    for (int i = 2; i < 100; ++i) {
        others += begun(*of, "192.0.2." + std::to_string(i), 3, second, 1);
    }
    CHECK(others == 49);
}

TEST_CASE("a flood of sources makes a client's limit laxer, never stricter") {
    const auto of = limits(R"({"limits": {"clients": {"per_s": 10}}})");
    for (uint32_t i = 0; i < 2'000'000; ++i) {
        of->take({6, {Address::v4(0x20000000 + i * 2'654'435'761U % 0x60000000), 1}, {}}, 3,
                 second + i / 2);
    }
    CHECK(begun(*of, "192.0.2.1", 3, 2 * second) >= 10);
}

TEST_CASE("workers share a rate") {
    const auto of = limits(R"({"limits": {"clients": {"per_s": 1000},
        "services": [{"service": "game", "per_s": 500}]}})");
    std::atomic<unsigned> of_client = 0, of_service = 0;
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&] {
            of_client += begun(*of, "192.0.2.1", 3, second, 10'000);
            of_service += begun(*of, "192.0.2.2", 4, second, 10'000);
        });
    }
    for (auto& worker : workers) {
        worker.join();
    }
    CHECK(of_client == 1000);
    // Whoever looks at the same moment sees the same place: one too many for each at most.
    CHECK(of_service >= 500);
    CHECK(of_service <= 503);
}

TEST_CASE("the same clients are admitted, a smaller part within a larger one") {
    unsigned before = 0;
    std::vector<bool> was(10'000, false);
    for (const int percent : {0, 1, 40, 41, 99}) {
        const auto of = limits(R"({"admission": {"percent": )" + std::to_string(percent) + "}}");
        unsigned admitted = 0;
        for (uint32_t i = 0; i < 10'000; ++i) {
            const bool now = of->admits(Address::v4(0x0a000000 + i));
            CHECK((now || !was[i]));
            was[i] = now;
            admitted += now ? 1 : 0;
        }
        CHECK(admitted >= before);
        CHECK(std::abs(static_cast<int>(admitted) - percent * 100) < 150);
        before = admitted;
    }
    CHECK(limits("{}") == nullptr);
    CHECK(limits(R"({"admission": {"percent": 100}})") == nullptr);
}
