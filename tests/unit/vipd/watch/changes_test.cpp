// What the log says: one line a change, with what was before and what is now.
#include "vipd/watch/changes.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/lab.h"
#include "vipd/state/orders_text.h"
#include "vipd/state/state.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

std::string joined(const LogLines& lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}

// The old gateway's, with one peer; what has been said of it so far is behind it.
struct World {
    State state{with_lines(lab_config("old", {"old", "new"}), true), {}, 5'000'000, no_pace};
    Micros now = 5'000'000;
    std::shared_ptr<const Snapshot> said = state.snapshot();
    Orders orders = state.orders();

    std::string observed() {
        while (state.advance(now)) {
            state.drained(state.snapshot()->epoch);
        }
        const auto before = std::exchange(said, state.snapshot());
        return joined(observed_changes(*before, *said));
    }
    std::string ordered(std::optional<uint32_t> by = {}) {
        const Orders before = std::exchange(orders, state.orders());
        return joined(order_changes(orders_json(before, true), orders_json(orders, true), by));
    }
    void hear(uint32_t sequence, bool hears_us) {
        Keepalive k;
        k.sequence = sequence;
        k.hears_you = hears_us;
        k.prefixes = {*Prefix::parse("198.51.100.0/24")};
        state.hear(0, k, now);
    }
};

}  // namespace

TEST_CASE("each order is a line: by whom, before and after") {
    World w;
    CHECK(w.ordered(7).empty());
    w.state.order(ShareOrder{{1000, ShareBy::address}, {1'000'000, 7}});
    CHECK(w.ordered(7) == "share: no order -> by address, percent 10.0, ordered by uid 7");
    w.state.order(ShareOrder{{1000, ShareBy::address}, {2'000'000, 8}});
    CHECK(w.ordered(8) ==
          "share: by address, percent 10.0 -> by address, percent 10.0, ordered by uid 8");
    DisableOrder mask, weak;
    mask.said = {3'000'000, 0};
    w.state.disable({Level::line, "red"}, mask);
    w.state.disable({Level::line, "green"}, mask);
    CHECK(w.ordered(0) ==
          "disabled line/green: no order -> level line, mode mask, name green, ordered by uid 0\n"
          "disabled line/red: no order -> level line, mode mask, name red, ordered by uid 0");
    w.state.enable({Level::line, "red"}, {4'000'000, 9});
    CHECK(w.ordered(9) ==
          "disabled line/red: level line, mode mask, name red -> level line, mode enabled, name "
          "red, ordered by uid 9");

    weak.mode = DisableMode::weak;
    weak.rate_per_s = 50;
    weak.said = {5'000'000, 1};
    w.state.disable({Level::site, "old"}, weak);
    const std::string words = "level site, mode weak, name old, rate 50.0";
    CHECK(w.ordered(1) ==
          "disabled site/old: no order -> course running, " + words + ", ordered by uid 1");
    w.state.ended(w.state.last_order_id());  // nobody orders that
    CHECK(w.ordered() ==
          "disabled site/old: course running, " + words + " -> course done, " + words);
    w.state.enable({Level::site, "old"}, {6'000'000, 2});
    CHECK(w.ordered(2) ==
          "disabled site/old: course done, " + words + " -> no order, ordered by uid 2");

    const json document = json::parse(R"({"schema": "rehome/vipd-placement/1", 
        "sets": [{"ranges": ["192.0.2.0/24 new"]}],
        "weights": [{"sites": {"old": 60, "new": 40}}]})");
    const auto rules = read_placement("placement", "", document, {});
    if (!rules) {
        FAIL(rules.error().front().text());
    }
    w.state.order(PlacementOrder{*rules, {6'000'000, 1}});
    CHECK(w.ordered(1) ==
          fmt::format("placement: no order -> digest {:016x}, ranges 1, weights "
                      "[\"new=40 old=60\"], ordered by uid 1\n"
                      "share: by address, percent 10.0 -> no order, ordered by uid 1",
                      (*rules)->digest));
}

TEST_CASE("orders of whatever grammar, and long ones") {
    const auto at = [](json order, int uid) {
        order["at"] = "2026-01-01T00:00:00.000000Z";
        order["uid"] = uid;
        return order;
    };
    const json before{{"disabled",
                       {at({{"server", "s1"}, {"service", "web"}, {"mode", "mask"}}, 1),
                        at({{"site", "new"}, {"mode", "weak"}}, 1)}}};
    json after = before;
    after["disabled"][1] = at({{"site", "new"}, {"mode", "strong"}}, 2);
    CHECK(joined(order_changes(before, after, 2)) ==
          "disabled new: mode weak, site new -> mode strong, site new, ordered by uid 2");
    after["disabled"].erase(0);
    CHECK(joined(order_changes(before, after, 3)) ==
          "disabled new: mode weak, site new -> mode strong, site new, ordered by uid 2\n"
          "disabled web/s1: mode mask, server s1, service web -> no order, ordered by uid 3");
    CHECK(joined(order_changes(before, json::object(), {})) ==
          "disabled new: mode weak, site new -> no order\n"
          "disabled web/s1: mode mask, server s1, service web -> no order");
    const json named{{"disabled",
                      {at({{"level", "server"}, {"name", "web/s1"}, {"mode", "mask"}}, 1),
                       at({{"level", "server"}, {"name", "web/s2"}, {"mode", "mask"}}, 1)}}};
    CHECK(order_changes(json::object(), named, 1).size() == 2);
    CHECK(order_changes(json::object(), named, 1)[1] ==
          "disabled server/web/s2: no order -> level server, mode mask, name web/s2, ordered by "
          "uid 1");
    const json large{{"x", at({{"list", std::string(100'000, 'a')}}, 1)}};
    CHECK(joined(order_changes(json::object(), large, 1)).size() < 300);
}

TEST_CASE("a reload is one line, whatever it brings") {
    const json before{{"link_mbit_s", 100}, {"services", {1, 2}}, {"maps", json::array()}};
    json after = before;
    CHECK(reload_change(before, after, 5) == "configuration: the same, reloaded by uid 5");
    after["link_mbit_s"] = 200;
    after["services"] = {1, 3};
    after["maps"] = {1};
    after["keys"] = {{"path", "k"}};
    CHECK(reload_change(before, after, 5) ==
          "configuration: keys none -> {\"path\":\"k\"}, link_mbit_s 100 -> 200, maps 0 -> 1, "
          "services others, reloaded by uid 5");
}

TEST_CASE("what is observed is a line each time that it changes, and none otherwise") {
    World w;
    CHECK(w.observed().empty());
    w.hear(1, false);
    CHECK(w.observed() == "peer new: down -> heard, and does not hear us");
    CHECK(w.observed().empty());
    w.hear(2, true);
    CHECK(w.observed() == "peer new: heard, and does not hear us -> alive");
    w.hear(3, true);
    CHECK(w.observed().empty());
    w.now += 350'001;
    CHECK(w.observed() == "peer new: alive -> silent");
    w.now += peer_gone_after;
    CHECK(w.observed() == "peer new: silent -> down");
}

TEST_CASE("a port that goes takes its line with it, and comes back") {
    World w;
    for (size_t i = 0; i < w.state.config().ports.size(); ++i) {
        w.state.port(i, ObservedPort{}, w.now);
    }
    CHECK(w.observed().empty());
    ObservedPort gone;
    gone.carrier = false;
    w.state.port(0, gone, w.now);
    CHECK(w.observed() == "line red: enabled -> down");
    w.state.port(0, ObservedPort{}, w.now);
    w.now += up_after;
    CHECK(w.observed() == "line red: down -> enabled");
    // What is ordered is said with the order.
    w.state.disable({Level::line, "red"}, {});
    CHECK(w.observed().empty());
}

TEST_CASE("a prefix that is served no more, and again") {
    World w;
    Config none = w.state.config();
    const auto services = std::exchange(none.services, {});
    none.maps.clear();
    w.state.reload(none);
    CHECK(w.observed() ==
          "prefix 198.51.100.0/24: served -> not served\nprefix 203.0.113.0/24: served -> not "
          "served");
    none.services = services;
    w.state.reload(none);
    CHECK(w.observed().find("prefix 198.51.100.0/24: not served -> served") == 0);

    Begin away;
    away.confirmed = false;
    State state(lab_config("old", {"old", "new"}), away, 5'000'000, no_pace);
    const auto before = state.snapshot();
    state.confirm();
    REQUIRE(state.advance(5'000'000));
    CHECK(joined(observed_changes(*before, *state.snapshot()))
              .find("prefix 198.51.100.0/24: served, not announced until it is confirmed -> "
                    "served") == 0);
}

}  // namespace rehome::vipd::testing
