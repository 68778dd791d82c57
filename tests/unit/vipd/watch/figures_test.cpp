// Every line of the counters' table, wherever it is told: stats and their schema, metrics, the list
// from which the manual is made.
#include "vipd/watch/figures.h"

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <numeric>

#include <set>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "tests/unit/vipd/lab.h"

using namespace rehome;
using namespace rehome::vipd;
using nlohmann::json;

namespace {

constexpr std::string_view schema =
#include "common/formats/vipd-stats.schema.inc"
    ;

// Figures that are all different, and not 0.
struct Filled {
    Figures figures;
    uint64_t last = 0;

    template <typename Of>
    void fill(Of& counters) {
        for (const auto& counter : counter_table<Of>) {
            counters.*counter.at = ++last;
        }
    }
    template <typename Of>
    void fill(Figures::List<Of>& list) {
        list.push_back({"item", {}});
        fill(list.back().counters);
    }

    Filled() {
        std::apply([&](auto&... of) { (fill(of), ...); }, figures.gateway);
        std::apply([&](auto&... list) { (fill(list), ...); }, figures.lists);
        for (uint64_t& drops : figures.drops) {
            drops = ++last;
        }
    }
};

json stats_of(const Figures& figures) {
    json stats = stats_json(figures);
    stats["schema"] = "rehome/vipd-stats/1";
    stats["at"] = "2026-05-06T01:02:03.456789Z";
    return stats;
}

// The value of a counter by its name in the list; the list's item is the first.
uint64_t told(const json& stats, std::string name) {
    if (const size_t item = name.find("[]"); item != std::string::npos) {
        name.replace(item, 2, "/0");
    }
    return stats.at(json::json_pointer("/" + name)).get<uint64_t>();
}

// The value of a metric by its name in the list, whatever the item.
uint64_t told(const std::string& text, const CounterInfo& counter) {
    const size_t labels = counter.metric.find('{');
    const std::string family = counter.metric.substr(0, labels);
    const std::string own = labels == std::string::npos ? "" : counter.metric.substr(labels + 1);
    const size_t lists = counter.name.find("[]");
    const std::string label = lists == std::string::npos ? "" : "=\"item\"";
    for (size_t at = 0; (at = text.find("\n" + family, at)) != std::string::npos; ++at) {
        const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
        const char next = line[family.size()];
        if ((next == '{' || next == ' ') && line.find(own) != std::string::npos &&
            line.find(label) != std::string::npos) {
            return std::stoull(line.substr(line.rfind(' ')));
        }
    }
    return 0;
}

}  // namespace

TEST_CASE("every counter stands in stats, in the metrics and in the list, with a meaning") {
    const Filled filled;
    const json stats = stats_of(filled.figures);
    const std::string metrics = "\n" + metrics_text(filled.figures);
    const auto infos = counter_infos();
    CHECK(infos.size() == filled.last);
    std::set<std::string> names, samples;
    std::set<uint64_t> values;
    for (const auto& counter : infos) {
        CAPTURE(counter.name);
        CAPTURE(counter.metric);
        CHECK(names.insert(counter.name).second);
        CHECK(samples.insert(counter.metric).second);
        CHECK(values.insert(told(stats, counter.name)).second);
        CHECK(told(metrics, counter) == told(stats, counter.name));
        CHECK(!counter.meaning.empty());
        CHECK(counter.meaning.back() != '.');
    }
}

TEST_CASE("stats fit their schema, which knows every counter and no other") {
    const json stats = stats_of(Filled().figures);
    const auto fits = [](const json& document) {
        return parse_json("stats", document.dump(), schema).has_value();
    };
    CHECK(fits(stats));
    for (const auto& counter : counter_infos()) {
        CAPTURE(counter.name);
        std::string name = "/" + counter.name;
        if (const size_t item = name.find("[]"); item != std::string::npos) {
            name.replace(item, 2, "/0");
        }
        json without = stats;
        const json::json_pointer place(name);
        without[place.parent_pointer()].erase(place.back());
        CHECK_FALSE(fits(without));
    }
}

TEST_CASE("a metric has its help once, before all of its samples") {
    const std::string text = metrics_text(Filled().figures);
    std::set<std::string> families;
    size_t lines = 0;
    std::string family;
    for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1, ++lines) {
        const std::string line = text.substr(at, text.find('\n', at) - at);
        if (line.starts_with("# HELP ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            CHECK(families.insert(family).second);
            CHECK(family.ends_with("_total") ==
                  (text.find("# TYPE " + family + " counter\n") != std::string::npos));
        }
        CHECK(line.find(family) != std::string::npos);
    }
    CHECK(lines == counter_infos().size() + 2 * families.size());
}

TEST_CASE("workers add up; a line is as the snapshot says") {
    testing::Lab lab;
    testing::LabGateway& old = lab["old"];
    lab.enter(lab.index("old"), testing::red,
              testing::to_meters({*Address::parse("192.0.2.7"), 40000}));
    Sums one, two;
    one.add(*old.path);
    two.add(*old.path);
    two.add(*old.path);
    lab.line(old, testing::red, LineState::disabled);
    CHECK(one.totals.to_servers == 1);
    CHECK(two.totals.to_servers == 2);
    CHECK(two.flows.here == 2 * one.flows.here);
    CHECK(two.lines[testing::red].rx_vip_packets == 2);
    const json stats = stats_of(figures_of(two, old.path->snapshot()));
    CHECK(stats["lines"][0]["carrier"] == "red");
    CHECK(stats["lines"][0]["enabled"] == 0);
    CHECK(stats["lines"][1]["enabled"] == 1);
    CHECK(stats["flow_table"]["capacity"] == old.config.flows.capacity);
    CHECK(stats["services"].size() == old.config.services.size());
}

TEST_CASE("new flows of each server; workers that act on other servers are not added up") {
    testing::Lab lab;
    const auto sum_of = [](const Sums& sums) {
        return std::accumulate(sums.begun_at.begin(), sums.begun_at.end(), uint64_t{0});
    };
    lab.enter(lab.index("old"), testing::red,
              testing::to_meters({*Address::parse("192.0.2.7"), 40000}));
    Sums sums;
    sums.add(*lab["old"].path);
    sums.add(*lab["old"].path);
    CHECK(sum_of(sums) == 2);
    CHECK(sums.begun_at_whom == lab["old"].path->snapshot().tables->servers_digest());
    sums.add(*lab["new"].path);  // whose servers are others
    CHECK(sums.begun_at_whom == 0);
    sums.add(*lab["old"].path);
    CHECK(sums.begun_at_whom == 0);
}

TEST_CASE("what a port has no room for, or cannot be cut, is one drop more") {
    Figures figures;
    figures.drops[static_cast<size_t>(Drop::port_full)] = 5;
    PortCounters port;
    port.received = 10;
    port.refused = 3;
    port.super = 2;
    add_port(figures, "red", port);
    const json stats = stats_of(figures);
    CHECK(stats["ports"][0]["received"] == 10);
    CHECK(stats["ports"][0]["refused"] == 3);
    CHECK(stats["drops"]["port_full"] == 8);
    CHECK(stats["drops"]["super_packet"] == 2);
}
