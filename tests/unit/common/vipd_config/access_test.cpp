// The document of access rules, limits and admission: what it takes, and all that it refuses, at
// once.
#include "common/vipd_config/access.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace rehome;
using namespace rehome::vipd;

namespace {

using nlohmann::json;

const std::vector<std::string> services{"meters"};

Checked<std::shared_ptr<const AccessRules>> read(const std::string& text) {
    json document = json::parse(text);
    document.emplace("schema", "rehome/vipd-access/1");
    document.emplace("default", "accept");
    return read_access("rules", "", document, &services);
}

std::string mistakes_of(const std::string& text) {
    const auto rules = read(text);
    std::string all;
    for (const Error& error : rules ? std::vector<Error>{} : rules.error()) {
        all += error.text() + "\n";
    }
    return all;
}

}  // namespace

TEST_CASE("what a document of access may say") {
    for (
        const char* text :
        {"{}", R"({"default": "drop"})", R"({"rules": [{"action": "drop"}]})",
         R"({"rules": [{"name": "bots", "action": "drop", "clients": ["192.0.2.0/24", "2001:db8::/32"],
             "vips": ["198.51.100.10", "203.0.113.0/24"], "ports": ["443", "8000-8010"], "protocol": "tcp"}]})",
         R"({"rules": [{"action": "accept", "service": "meters", "clients": ["192.0.2.1"]}]})",
         R"({"lists": [{"name": "staff", "clients": ["10.0.0.1"]}], "rules": [{"action": "drop", "clients": ["staff"]}]})",
         R"({"limits": {"clients": {"per_s": 20, "burst": 40, "ipv4_length": 24, "except": [{"clients": ["192.0.2.0/24"]}]},
             "services": [{"service": "meters", "per_s": 0.5}], "vips": [{"vip": "198.51.100.10", "per_s": 1000}]}})",
         R"({"admission": {"percent": 12.34, "refuse": "silence"}})"}) {
        INFO(text);
        CHECK(mistakes_of(text) == "");
    }
    CHECK((*read("{}"))->digest == 0);
    CHECK_FALSE((*read("{}"))->decides());
    CHECK((*read(R"({"default": "drop"})"))->decides());
    CHECK((*read(R"({"default": "drop"})"))->digest != 0);
    const auto limited =
        *read(R"({"limits": {"services": [{"service": "meters", "per_s": 0.5}]}})");
    CHECK(limited->limits.services[0].rate == FlowRate{0.5, 1});
    CHECK(limited->rules_digest == (*read("{}"))->rules_digest);
    CHECK((*read(R"({"admission": {"percent": 12.34}})"))->admission.hundredths == 1234);
}

TEST_CASE("what a document of access may not say") {
    struct Row {
        const char* text;
        const char* mistake;
    };
    const Row rows[] = {
        {R"({"schema": "rehome/vipd-access/2"})", "/schema"},
        {R"({"default": "perhaps"})", "/default"},
        {R"({"more": 1})", "/more"},
        {R"({"rules": [{"clients": ["10.0.0.0/8"]}]})", "action"},
        {R"({"rules": [{"action": "drop", "clients": ["10.0.0.1/8"]}]})", "10.0.0.1/8"},
        {R"({"rules": [{"action": "drop", "clients": ["10.0.0.0/8", "10.0.0.0/8"]}]})",
         "10.0.0.0/8 is given twice"},
        {R"({"rules": [{"action": "drop", "clients": ["::ffff:192.0.2.0/120"]}]})",
         "\"::ffff:192.0.2.0/120\" are IPv4 addresses, expected 192.0.2.0/24"},
        {R"({"lists": [{"name": "staff", "clients": ["::ffff:192.0.2.1"]}]})",
         "expected 192.0.2.1/32"},
        {R"({"rules": [{"action": "drop", "clients": ["staff"]}]})", "no list is called \"staff\""},
        {R"({"rules": [{"action": "drop", "service": "game"}]})", "no service is called \"game\""},
        {R"({"rules": [{"action": "drop", "service": "meters", "ports": ["80"]}]})",
         "is said beside a service"},
        {R"({"rules": [{"action": "drop", "ports": ["90-80"]}]})", "90-80 is reversed"},
        {R"({"rules": [{"action": "drop", "ports": ["0-80"]}]})", "0 is no port"},
        {R"({"rules": [{"action": "drop", "ports": ["65536"]}]})", "65536 is no port"},
        {R"({"rules": [{"action": "drop", "ports": ["80", "80"]}]})", "80 is given twice"},
        {R"({"rules": [{"action": "drop", "ports": ["80"], "protocol": "icmp"}]})",
         "which has none"},
        {R"({"rules": [{"action": "drop", "clients": ["10.0.0.0/8"], "vips": ["2001:db8::1"]}]})",
         "clients of one family and VIPs of the other"},
        {R"({"rules": [{"name": "a", "action": "drop"}, {"name": "a", "action": "drop"}]})",
         "\"a\" is given twice"},
        {R"({"limits": {"clients": {"per_s": 0}}})", "/limits/clients/per_s"},
        {R"({"limits": {"services": [{"service": "game", "per_s": 1}]}})",
         "no service is called \"game\""},
        {R"({"limits": {"vips": [{"vip": "198.51.100.300", "per_s": 1}]}})", "198.51.100.300"},
        {R"({"limits": {"vips": [{"vip": "198.51.100.3", "per_s": 1}, {"vip": "198.51.100.3", "per_s": 2}]}})",
         "has a limit already"},
        {R"({"limits": {"clients": {"per_s": 1, "except": [{"clients": ["10.0.0.1"]}, {"clients": ["10.0.0.1"]}]}}})",
         "10.0.0.1/32 is given twice"},
        {R"({"admission": {"percent": 101}})", "/admission/percent"},
        {R"({"admission": {"percent": 0.001}})", "expected a multiple of 0.01"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(mistakes_of(row.text).find(row.mistake) != std::string::npos);
    }
    const std::string all = mistakes_of(
        R"({"rules": [{"action": "drop", "ports": ["90-80"], "clients": ["staff", "10.0.0.300"]},
                      {"action": "drop", "service": "game"}]})");
    for (const char* part :
         {"/rules/0/ports/0", "/rules/0/clients/0", "/rules/0/clients/1", "/rules/1/service"}) {
        INFO(all);
        CHECK(all.find(part) != std::string::npos);
    }
}

TEST_CASE("what the schema refuses hides no other mistake, and makes none up") {
    const std::string all = mistakes_of(
        R"({"lists": [{"name": "staff", "clients": []}], "limits": {"clients": {"per_s": 0}}, "more": 1,
            "rules": [{"action": "perhaps", "clients": ["staff"]}, {"action": "drop", "clients": ["staff"]},
                      {"action": "drop", "service": "game"}, 7, {"action": "drop", "ports": ["90-80"]}]})");
    INFO(all);
    for (const char* part :
         {"/lists/0/clients", "/limits/clients/per_s", "/more", "/rules/0/action",
          "/rules/2/service", "/rules/3", "/rules/4/ports/0"}) {
        CHECK(all.find(part) != std::string::npos);
    }
    CHECK(all.find("no list is called") == std::string::npos);
    // Of another version nothing is read.
    CHECK(
        mistakes_of(
            R"({"schema": "rehome/vipd-access/2", "rules": [{"action": "drop", "service": "game"}]})")
            .find("game") == std::string::npos);
    // A text too long for the schema's patterns: nothing else is known of the others.
    const std::string text(2000, 'a');
    CHECK(mistakes_of(R"({"rules": [{"name": ")" + text +
                      R"(", "action": "drop"}, {"action": 3}, 5]})") != "");
}
