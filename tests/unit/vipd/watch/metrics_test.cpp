// Prometheus' text format, by its own rules, and that every drop reason makes a right label.
#include "vipd/watch/metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "vipd/packet/drop.h"

using namespace rehome;
using namespace rehome::vipd;

TEST_CASE("families, labels, escapes") {
    Metrics metrics;
    metrics.family("drops_total", "counter", "Dropped packets\nby \"reason\" \\");
    metrics.sample(3, {{"reason", "no_route"}});
    metrics.sample(UINT64_MAX, {{"reason", "a\"b\\c\nd"}, {"port", "red"}});
    metrics.family("flows", "gauge", "Flows");
    metrics.sample(0);
    CHECK(metrics.text() ==
          "# HELP rehome_vipd_drops_total Dropped packets\\nby \"reason\" \\\\\n"
          "# TYPE rehome_vipd_drops_total counter\n"
          "rehome_vipd_drops_total{reason=\"no_route\"} 3\n"
          "rehome_vipd_drops_total{reason=\"a\\\"b\\\\c\\nd\",port=\"red\"} 18446744073709551615\n"
          "# HELP rehome_vipd_flows Flows\n"
          "# TYPE rehome_vipd_flows gauge\n"
          "rehome_vipd_flows 0\n");
}

TEST_CASE("every drop reason has its place in the table, a name for all uses, and a meaning") {
    std::set<std::string_view> names;
    for (size_t i = 0; i < drop_count; ++i) {
        const auto& entry = drop_names[i];
        CAPTURE(entry.name);
        CHECK(static_cast<size_t>(entry.drop) == i);
        CHECK(names.insert(entry.name).second);
        CHECK(std::all_of(entry.name.begin(), entry.name.end(),
                          [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; }));
        CHECK(!entry.meaning.empty());
        CHECK(entry.meaning.back() != '.');
    }
}
