// Which keys lbsync carries: what is said of them, and that it is said of every one.
#include "common/vipd_config/carried.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/vipd_config/config.h"

namespace rehome::vipd {
namespace {

using nlohmann::json;

const json schema = json::parse(R"({
    "properties": {
        "workers": {"lbsync": "stays", "properties": {"below": {}}},
        "access": {"lbsync": "doubted"},
        "new": {},
        "services": {"lbsync": "carried", "items": {"$ref": "#/definitions/service"}}
    },
    "definitions": {"service": {"properties": {
        "port": {"lbsync": "carried", "$ref": "#/definitions/number"},
        "limit": {"lbsync": "doubted"}
    }}, "number": {}}})");

TEST_CASE("the schema's keys and what it says of them") {
    CHECK(carried_keys(schema) == std::map<std::string, std::string>{
                                      {"/workers", "stays"},
                                      {"/access", "doubted"},
                                      {"/new", ""},
                                      {"/services", "carried"},
                                      {"/services/*/port", "carried"},
                                      {"/services/*/limit", "doubted"},
                                  });
}

TEST_CASE("what a document holds of doubted keys") {
    const struct {
        const char* document;
        std::vector<std::string> doubted;
    } rows[] = {
        {R"({})", {}},
        {R"({"workers": {"below": 1}})", {}},
        {R"({"services": [{"port": 1}, {}]})", {}},
        {R"({"access": []})", {"/access"}},
        {R"({"new": 1})", {"/new"}},
        {R"({"not in the schema": 1})", {"/not in the schema"}},
        {R"({"services": [{"port": 1}, {"port": 2, "limit": 3}]})", {"/services/1/limit"}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.document);
        CHECK(doubted_keys(schema, json::parse(row.document)) == row.doubted);
    }
}

// Who adds a key says whether it belongs to the gateway or is policy.
TEST_CASE("of every key of vipd's configuration it is said") {
    const auto keys = carried_keys(config_schema());
    CHECK(keys.contains("/services/*/servers/*/weight"));
    for (const auto& [pointer, carried] : keys) {
        CAPTURE(pointer);
        CHECK((carried == "stays" || carried == "carried" || carried == "whole" ||
               carried == "doubted"));
    }
}

}  // namespace
}  // namespace rehome::vipd
