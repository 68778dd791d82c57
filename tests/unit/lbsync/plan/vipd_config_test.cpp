// What is read of vipd's configuration and written into it.
#include "lbsync/plan/vipd_config.h"

#include "common/vipd_config/carried.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {
namespace {

using nlohmann::json;

const InScope in_scope = in_prefixes({Prefix::parse("198.51.100.0/24").value()});

const std::string meters =
    R"({"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[{"name":"s1","address":"10.1.1.11","port":1883}]})";
const std::string elsewhere =
    R"({"name":"own","vip":"192.0.2.1","protocol":"udp","port":53,"forward":"nat","servers":[{"name":"s1","address":"10.1.1.11","port":53}]})";

std::string services(const std::string& list) {
    return vipd_file(R"({"services":[)" + list + "]}");
}

// Everything that is carried, each key of it.
const std::string all = vipd_file(R"({"pools":[{"name":"p","addresses":["10.1.0.0/30"]}],
      "maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"10.1.7.0/28"},
              {"name":"own","vip_prefix":"192.0.2.0/28","server_prefix":"10.1.8.0/28"}],
      "services":[
       {"name":"t","vip":"198.51.100.30","protocol":"udp","port":53,"forward":"tunnel","encapsulation":"gue",
        "servers":[{"name":"s1","address":"10.1.1.11","weight":1,"masked":true}]},
       {"name":"n","vip":"198.51.100.31","protocol":"tcp","port":80,"forward":"nat","source_nat":"p",
        "servers":[{"name":"s1","address":"10.1.1.11","port":80,"weight":3}],
        "health":{"kind":"script","interval_ms":500,"jitter_percent":5,"timeout_ms":400,"rise":1,"fall":2,
                  "all_down":"refuse","port":81,"script":[{"send":["text:hi"]},{"expect":["hex:00ff"]}]}}]})");

// The patterns of what a document holds: "/services/*/port".
void add_patterns(const json& value, const std::string& pattern, std::set<std::string>& patterns) {
    for (const auto& [key, below] : value.items()) {
        const std::string at = pattern + "/" + (value.is_array() ? "*" : key);
        patterns.insert(at);
        if (below.is_structured()) {
            add_patterns(below, at, patterns);
        }
    }
}

TEST_CASE("services are read, and only those that move") {
    const auto read = read_offer(services(meters + "," + elsewhere), "f", in_scope);
    REQUIRE_MESSAGE(read.has_value(), read.error()[0].text());
    REQUIRE(read->offer.services.size() == 1);
    CHECK(read->doubts.empty());
    CHECK(read->offer.services[0].servers[0].weight == 1);

    auto offer = read->offer;
    offer.services[0].servers[0].address = Address::parse("172.20.5.21").value();
    const std::string written = with_offer(services(elsewhere), offer, in_scope);
    const auto document = json::parse(written);
    CHECK(document["gateway"] == "gw");
    CHECK(document["services"].size() == 2);
    CHECK(document["services"][0] == json::parse(elsewhere));
    CHECK(read_offer(written, "f", in_scope)->offer == offer);
    // Replaced, not added a second time.
    CHECK(json::parse(with_offer(written, offer, in_scope)) == document);
}

TEST_CASE("files that are refused, with vipd's own words") {
    const struct {
        const char* what;
        std::string text;
        const char* where;  // the first mistake
    } rows[] = {
        {"nothing", "", "gw: /etc/vipd.json"},
        {"another format", vipd_file(R"({"schema":"rehome/vipd/2"})"),
         "gw: /etc/vipd.json: /schema"},
        {"no service", services("1"), "gw: /etc/vipd.json: /services/0"},
        {"a service without a name", services(R"({"vip":"198.51.100.1"})"),
         "gw: /etc/vipd.json: /services/0"},
        {"a key of a later version", vipd_file(R"({"mirrors":[]})"),
         "gw: /etc/vipd.json: /mirrors"},
        {"a key of a later version in a service", services(R"({"hidden":1,)" + meters.substr(1)),
         "gw: /etc/vipd.json: /services/0/hidden"},
        {"half a map", vipd_file(R"({"maps":[{"name":"m","vip_prefix":"198.51.100.0/28"}]})"),
         "gw: /etc/vipd.json: /maps/0"},
        {"a map that moves in part",
         vipd_file(
             R"({"maps":[{"name":"m","vip_prefix":"198.51.0.0/16","server_prefix":"10.1.0.0/16"}]})"),
         "gw: /etc/vipd.json: /maps/0/vip_prefix"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto read = read_offer(row.text, "gw: /etc/vipd.json", in_scope);
        REQUIRE(!read.has_value());
        CHECK(read.error()[0].kind == Exit::usage);
        CHECK(read.error()[0].where.starts_with(row.where));
    }
}

TEST_CASE("what is the gateway's own is neither doubted nor written") {
    const std::string own = vipd_file(
        R"({"workers":2,"flows":{"capacity":5000},"fragments":{},"pools":[{"name":"p","addresses":["10.1.0.0/30"]}]})");
    const auto read = read_offer(own, "f", in_scope);
    REQUIRE_MESSAGE(read.has_value(), read.error()[0].text());
    CHECK(read->doubts.empty());
    CHECK(json::parse(with_offer(own, {}, in_scope)) == json::parse(own));
}

TEST_CASE("maps, tunnels, pools and masks are read whole and written again") {
    const auto read = read_offer(all, "f", in_scope);
    REQUIRE_MESSAGE(read.has_value(), read.error()[0].text());
    CHECK(read->doubts.empty());
    REQUIRE(read->offer.maps.size() == 1);
    CHECK(read->offer.maps[0].server == Prefix::parse("10.1.7.0/28").value());
    auto document = json::parse(all);
    std::swap(document["maps"][0], document["maps"][1]);  // others' first
    CHECK(json::parse(with_offer(all, read->offer, in_scope)) == document);
    // Onto a gateway that has nothing of it but the pool.
    auto bare = document;
    bare["services"] = json::array();
    bare["maps"].erase(1);
    CHECK(json::parse(with_offer(bare.dump(), read->offer, in_scope)) == document);
}

TEST_CASE("what the schema calls carried is carried") {
    std::set<std::string> held;
    add_patterns(json::parse(all), "", held);
    for (const auto& [pattern, carried] : vipd::carried_keys(vipd::config_schema())) {
        CAPTURE(pattern);
        // Then the test above shows that it comes through.
        CHECK((carried != "carried" || held.contains(pattern)));
    }
}

TEST_CASE("offers that are equal read alike, whatever their order") {
    const auto canonical_of = [](const json& document) {
        return canonical(read_offer(document.dump(), "f", in_scope).value().offer);
    };
    const auto document = json::parse(all);
    auto other = document;
    std::swap(other["services"][0], other["services"][1]);
    other["services"][1]["servers"][0].erase("weight");  // 1 unless given
    CHECK(canonical_of(other) == canonical_of(document));
    for (const auto& [pointer, value] :
         std::vector<std::pair<const char*, json>>{{"/services/0/encapsulation", "ipip"},
                                                   {"/services/0/servers/0/masked", false},
                                                   {"/services/1/servers/0/weight", 2},
                                                   {"/services/1/servers/0/port", 81},
                                                   {"/services/1/health/rise", 3},
                                                   {"/maps/0/server_prefix", "10.1.9.0/28"}}) {
        CAPTURE(pointer);
        other = document;
        other[json::json_pointer(pointer)] = value;
        CHECK(canonical_of(other) != canonical_of(document));
    }
}

}  // namespace
}  // namespace rehome::lbsync
