// From where each thing is that is in force.
#include "vipd/watch/origins.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

TEST_CASE("an order, the file or nobody's word") {
    using nlohmann::json;
    State state(with_lines(lab_config("old", {"old", "new"}), true), {}, 5'000'000, no_pace);
    const json file{{"gateway", "old"}, {"memory", {{"mib", 128}}}, {"services", json::array()}};
    const json in_force{{"gateway", "old"},       {"memory", {{"mib", 128}, {"hugepages", false}}},
                        {"services", {1, 2, 3}},  {"maps", json::array()},
                        {"lines", json::array()}, {"workers", 1}};
    const auto origin = [&](const std::string& setting) {
        const json told = origins_json(state, in_force, file);
        for (const auto& row : told["settings"]) {
            if (row["setting"] == setting) {
                return row["value"].dump() + " " + row["from"].get<std::string>() +
                       (row.contains("uid")
                            ? " of " + row["uid"].dump() + " at " + row["at"].get<std::string>()
                            : "");
            }
        }
        return std::string("none");
    };
    CHECK(origin("share") == R"({"by":"address","percent":0.0} default)");
    CHECK(origin("lines/red") == R"("enabled" file)");
    CHECK(origin("gateway") == R"("old" file)");
    CHECK(origin("memory/mib") == "128 file");
    CHECK(origin("memory/hugepages") == "false default");
    CHECK(origin("services") == "3 file");
    CHECK(origin("maps") == "0 default");
    CHECK(origin("workers") == "1 default");
    CHECK(origin("lines") == "none");
    state.order(ShareOrder{{1'050}, {1'800'000'000'000'000, 1000}});
    DisableOrder order;
    order.said = {1'800'000'000'000'000, 0};
    state.disable({Level::line, state.config().lines[0].carrier}, order);
    state.advance(5'000'000);
    CHECK(origin("share") ==
          R"({"by":"address","percent":10.5} order of 1000 at 2027-01-15T08:00:00.000000Z)");
    CHECK(origin("lines/red") == R"("disabled" order of 0 at 2027-01-15T08:00:00.000000Z)");
    CHECK(origin("lines/green") == R"("enabled" file)");
}

}  // namespace rehome::vipd::testing
