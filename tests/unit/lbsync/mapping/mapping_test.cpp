// Which addresses of the lab's old site have a counterpart at the new one, and which do not.
#include "lbsync/plan/translate.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

namespace {

// "ADDRESS", "ADDRESS/LENGTH" or "FIRST-LAST"
Interval interval(const std::string& text) {
    const size_t dash = text.find('-');
    if (dash != std::string::npos) {
        return {Address::parse(text.substr(0, dash)).value(),
                Address::parse(text.substr(dash + 1)).value()};
    }
    return Interval::of(Prefix::parse(text).value());
}

}  // namespace

TEST_CASE("what maps") {
    const std::pair<const char*, const char*> cases[] = {
        // servers, lines, carriers' routers, tunnel ends
        {"10.1.1.11", "172.20.5.21"},
        {"10.1.1.12", "172.20.5.22"},
        {"100.64.1.2", "100.64.2.2"},
        {"100.64.1.1", "100.64.2.1"},
        {"100.64.11.2", "100.64.12.2"},
        {"100.64.21.1", "100.64.22.1"},
        {"10.99.0.1", "10.99.0.2"},
        {"10.99.0.2", "10.99.0.1"},
        // the site's network, a line's subnet
        {"10.1.0.0/16", "172.20.0.0/16"},
        {"10.1.0.0-10.1.255.255", "172.20.0.0/16"},
        {"100.64.1.0/30", "100.64.2.0/30"},
        // a range of servers whose counterparts are one
        {"10.1.1.11-10.1.1.12", "172.20.5.21-172.20.5.22"},
        // what moves stays, so do foreign addresses
        {"198.51.100.10", "198.51.100.10"},
        {"198.51.100.0/24", "198.51.100.0/24"},
        {"203.0.113.5-203.0.113.9", "203.0.113.5-203.0.113.9"},
        {"100.80.0.0/23", "100.80.0.0/23"},
        {"192.0.2.1", "192.0.2.1"},
        {"127.0.0.1", "127.0.0.1"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"::/0", "::/0"},
        // all of what differs is held, on both sides
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.99.0.0/24", "10.99.0.0/24"},
        {"100.64.0.0/10", "100.64.0.0/10"},
        {"10.98.0.0-10.98.255.255", "10.98.0.0/16"},
    };
    const Lab lab;
    for (const auto& [from, to] : cases) {
        CAPTURE(from);
        const auto image = lab.mapping.map(interval(from));
        REQUIRE_MESSAGE(image.has_value(), image.error());
        CHECK(image->text() == to);
    }
}

TEST_CASE("what is refused") {
    const char* cases[] = {
        // of the old site, and nobody's counterpart
        "10.1.9.9", "10.1.1.10", "10.1.0.0", "10.1.255.255", "100.64.1.3", "100.64.11.0",
        // a part of the old site's network, or more than it
        "10.1.1.0/24", "10.1.0.0/17", "10.0.0.0/8", "10.0.0.0-10.1.1.11", "10.1.1.11-10.1.1.13",
        "10.1.1.12-10.2.0.0", "10.1.0.0-10.1.255.254", "0.0.0.0/1", "0.0.0.0-10.1.1.1",
        "0.0.0.1-172.20.0.5",
        // a part of a line's subnet, or the old line without the new one
        "100.64.1.0/31", "100.64.1.0/24", "100.64.1.0/29", "100.64.21.0/31",
        // one end of the tunnel
        "10.99.0.0/31", "10.99.0.2-10.99.0.9",
        // of the new site already: at the old one it meant something else
        "172.20.5.21", "172.20.1.1", "172.20.0.0/16", "172.16.0.0/12", "100.64.2.2", "100.64.2.1",
        "100.64.2.0/30"};
    const Lab lab;
    for (const char* text : cases) {
        CAPTURE(text);
        const auto image = lab.mapping.map(interval(text));
        REQUIRE_MESSAGE(!image.has_value(), image->text());
        CHECK(image.error().starts_with("object without a counterpart: "));
        CHECK(contains(image.error(), interval(text).text()));
    }
}

TEST_CASE("IPv4 addresses in IPv6 ones") {
    const Lab lab;
    const std::pair<const char*, const char*> good[] = {
        {"64:ff9b::10.1.1.11", "64:ff9b::ac14:515"},
        {"::ffff:10.1.1.11", "::ffff:172.20.5.21"},
        {"64:ff9b::198.51.100.7", "64:ff9b::c633:6407"},
        {"64:ff9b::/96", "64:ff9b::/96"},
        {"2001:db8::10.1.1.11", "2001:db8::a01:10b"}};
    for (const auto& [from, to] : good) {
        CAPTURE(from);
        const auto image = lab.mapping.map(interval(from));
        REQUIRE_MESSAGE(image.has_value(), image.error());
        CHECK(*image == interval(to));
    }
    CHECK(!lab.mapping.map(interval("64:ff9b::10.1.9.9")));
    // a range that ends within
    CHECK(!lab.mapping.map(interval("::1-::ffff:10.1.1.11")));
    CHECK(!lab.mapping.map(interval("::1-64:ff9b::10.1.0.0")));
    CHECK(lab.mapping.map(interval("::1-::ffff:9.0.0.0")));
    CHECK(!lab.mapping.map(interval("::ffff:172.20.5.21")));
}

TEST_CASE("the way back maps backwards") {
    const Lab back(true);
    CHECK(back.mapping.map(interval("172.20.5.21"))->text() == "10.1.1.11");
    CHECK(back.mapping.map(interval("172.20.0.0/16"))->text() == "10.1.0.0/16");
    CHECK(back.mapping.map(interval("100.64.2.1"))->text() == "100.64.1.1");
    CHECK(!back.mapping.map(interval("10.1.1.11")));
}

TEST_CASE("counterparts that are not one to one are refused") {
    Lab lab;
    Server extra = lab.inventory.services[0].servers[0];
    extra.name = "s9";
    SUBCASE("two counterparts for one") {
        extra.to.address = Address::parse("172.20.5.99").value();
    }
    SUBCASE("one counterpart for two") {
        extra.from.address = Address::parse("10.1.1.99").value();
    }
    lab.inventory.services[0].servers.push_back(extra);
    const auto mapping = Mapping::make(lab.inventory, lab.move, lab.pairs);
    REQUIRE(!mapping.has_value());
    CHECK(mapping.error().front().kind == Exit::usage);
    CHECK(contains(mapping.error().front().what, "counterpart"));
}

TEST_CASE("interfaces") {
    const Interfaces interfaces{{"red", "red"}, {"green", "uplink1"}, {"link", "dci"}};
    const std::pair<const char*, const char*> good[] = {
        {"red", "red"},   {"green", "uplink1"}, {"link", "dci"},         {"lo", "lo"},
        {"eth*", "eth*"}, {"*", "*"},           {"green\\*", "green\\*"}};
    for (const auto& [from, to] : good) {
        CAPTURE(from);
        CHECK(map_interface(interfaces, from) == std::string(to));
    }
    CHECK(map_interface(interfaces, "green.7") == std::string("uplink1.7"));
    CHECK(map_interface(interfaces, "red.7") == std::string("red.7"));
    CHECK(map_interface(interfaces, "green.x") == std::string("green.x"));
    CHECK(map_interface(interfaces, "green.*") == std::string("uplink1.*"));
    CHECK(map_interface(interfaces, "green.1*") == std::string("uplink1.1*"));
    CHECK(map_interface(interfaces, "green.x*") == std::string("green.x*"));
    for (const char* name :
         {"uplink1", "dci", "gre*", "up*", "d*", "uplink1.7", "uplink1.*", "uplink1.7*"}) {
        CAPTURE(name);
        CHECK(!map_interface(interfaces, name).has_value());
    }
    SUBCASE("VLANs with names of their own") {
        const Interfaces vlans{{"a", "x"}, {"a.7", "x.9"}, {"a.70", "x.70"}};
        CHECK(map_interface(vlans, "a.70*") == std::string("x.70*"));
        CHECK(map_interface(vlans, "a.8") == std::string("x.8"));
        for (const char* name : {"a.*", "a.7*", "a.9*", "a.9"}) {
            CAPTURE(name);
            CHECK(!map_interface(vlans, name).has_value());
        }
        CHECK(!map_interface({{"a", "x"}, {"a.7", "y"}}, "a.*"));
    }
}

TEST_CASE("ports that are not one to one are refused where a rule names one") {
    Lab lab;
    const auto interfaces = [&] {
        return make_pairs(lab.inventory, lab.move).value().hosts[0].interfaces;
    };
    auto& from = lab.inventory.sites[0].lines;
    auto& to = lab.inventory.sites[1].lines;
    REQUIRE(from.size() >= 2);
    const auto other = [&](const Line& line) -> Line& {
        return *std::find_if(to.begin(), to.end(),
                             [&](const Line& it) { return it.carrier == line.carrier; });
    };
    from[0].port = "a";
    from[1].port = "b";
    SUBCASE("two onto one") {
        other(from[0]).port = other(from[1]).port = "x";
        CHECK(contains(map_interface(interfaces(), "a").error(), "becomes x as b does"));
        CHECK(contains(map_interface(interfaces(), "b").error(), "no longer tell them apart"));
        CHECK(!map_interface(interfaces(), "a.7"));
    }
    SUBCASE("one onto two") {
        from[1].port = "a";
        other(from[0]).port = "x";
        other(from[1]).port = "y";
        CHECK(contains(map_interface(interfaces(), "a").error(), "becomes both x and y"));
        SUBCASE("whose VLANs tell them apart") {
            from[0].vlan = 10;
            from[1].vlan = 20;
            other(from[1]).vlan = 30;
            CHECK(map_interface(interfaces(), "a.10") == std::string("x"));
            CHECK(map_interface(interfaces(), "a.20") == std::string("y.30"));
            CHECK(!map_interface(interfaces(), "a.40"));
        }
    }
    SUBCASE("shared at both sites") {
        from[1].port = "a";
        other(from[0]).port = other(from[1]).port = "x";
        CHECK(map_interface(interfaces(), "a") == std::string("x"));
    }
}

TEST_CASE("pairs") {
    Lab lab;
    REQUIRE(lab.pairs.hosts.size() == 3);
    CHECK(lab.pairs.hosts[0].from == "netns:old-gw");
    CHECK(lab.pairs.hosts[0].to == "netns:new-gw");
    CHECK(lab.pairs.hosts[0].interfaces.find("red")->second == "red");
    CHECK(lab.pairs.hosts[1].to == "netns:new-s1");
    CHECK(lab.pairs.hosts[2].to == "netns:new-s2");
    CHECK(lab.pairs.skipped.empty());

    SUBCASE("a server without a host is skipped, and told") {
        for (Service& service : lab.inventory.services) {
            service.servers[0].to.host.clear();
        }
        const auto pairs = make_pairs(lab.inventory, lab.move);
        REQUIRE(pairs.has_value());
        CHECK(pairs->hosts.size() == 2);
        CHECK(contains(pairs->skipped.at(0), "no host for it at site new"));
    }
    SUBCASE("unequal numbers of gateways") {
        lab.inventory.sites[1].gateways.clear();
        CHECK(!make_pairs(lab.inventory, lab.move));
    }
    SUBCASE("a host of both sites") {
        lab.inventory.services[0].servers[0].to.host = "netns:old-s1";
        CHECK(!make_pairs(lab.inventory, lab.move));
    }
    SUBCASE("one host for two") {
        lab.inventory.services[0].servers[0].to.host = "netns:new-s2";
        CHECK(!make_pairs(lab.inventory, lab.move));
    }
    SUBCASE("a move that is none") {
        CHECK(!choose_move(lab.inventory, "old", "old"));
        CHECK(!choose_move(lab.inventory, "old", ""));
        CHECK(!choose_move(lab.inventory, "here", "there"));
    }
}

}  // namespace rehome::lbsync
