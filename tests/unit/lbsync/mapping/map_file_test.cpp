// Mapping files: what is taken, what is refused, and what they say against an inventory.
#include "lbsync/mapping/map_file.h"

#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

namespace {

std::string file(const std::string& keys) {
    return R"({"schema":"rehome/lbsync-map/1")" + (keys.empty() ? "" : "," + keys) + "}";
}

MapFile parsed(const std::string& keys) {
    const auto map = parse_map_file("m.json", file(keys));
    REQUIRE_MESSAGE(map.has_value(), map.error().front().text());
    return *map;
}

std::string errors_of(const std::vector<Error>& errors) {
    std::string text;
    for (const Error& error : errors) {
        CHECK(error.kind == Exit::usage);
        text += error.text() + "\n";
    }
    return text;
}

std::string refused(const std::string& text) {
    const auto map = parse_map_file("m.json", text);
    return map ? "taken" : errors_of(map.error());
}

Checked<Mapping> with_lab(const std::string& keys, bool back = false) {
    const Lab there(back);
    const MapFile map = parsed(keys);
    return Mapping::make(there.inventory, there.move, there.pairs, back ? map.reversed() : map);
}

Interval at(const std::string& text) {
    return Interval::of(Prefix::parse(text).value());
}

}  // namespace

TEST_CASE("a mapping file") {
    const MapFile map = parsed(R"(
        "vips":["198.51.100.0/24"],"networks":{"old":["10.1.0.0/16","2001:db8:1::/48"],"new":["10.9.0.0/16","2001:db8:9::/48"]},
        "addresses":[{"old":"10.1.2.0/24","new":"10.9.7.0/24"},{"old":"10.1.1.5-10.1.1.9","new":"10.9.1.15-10.9.1.19"},
                     {"old":"2001:db8:1::1","new":"2001:db8:9::1"}],
        "interfaces":[{"old":"eth0.7","new":"eth1.9","host":"netns:old-gw"}],
        "zones":[{"old":1,"new":2}],
        "marks":[{"old":16,"new":32,"mask":255},{"old":256,"new":512,"mask":65280,"of":"packet"}],
        "keep":[{"table":"ip docker*","reason":"Docker's own"}],"ignore":[{"table":"* f2b","reason":"bans"}])");
    REQUIRE(map.groups.size() == 3);
    CHECK(map.groups[1].where == "m.json: /addresses/1");
    CHECK(map.marks[1].packet);
    CHECK(!map.marks[1].connection);
    CHECK(map.keep[0].name == "docker*");
    CHECK(map.ignore[0].family == "*");
    const MapFile back = map.reversed();
    CHECK(back.groups[0].from == map.groups[0].to);
    CHECK(back.zones[0].from == 2);
    CHECK(back.marks[0].pair.to == 16);
    CHECK(back.ports[0].from == "eth1.9");
}

TEST_CASE("what a mapping file must not be") {
    const std::pair<std::string, std::string> cases[] = {
        {"", "m.json:"},
        {"{", "m.json:"},
        {file("").substr(0, 20), "m.json:"},
        {"[]", "m.json"},
        {"{}", "schema"},
        {R"({"schema":"rehome/lbsync-map/2"})", "/schema"},
        {R"({"schema":"rehome/lbsync-map/0"})", "/schema"},
        {file(R"("address":[])"), "address"},
        {file(R"("zones":[{"old":1,"new":2,"mask":1}])"), "/zones/0"},
        {file(R"("zones":[{"old":1}])"), "/zones/0"},
        {file(R"("zones":[{"old":65536,"new":1}])"), "/zones/0/old"},
        {file(R"("zones":[{"old":-1,"new":1}])"), "/zones/0/old"},
        {file(R"("marks":[{"old":99999999999999999999,"new":1}])"), "/marks/0/old"},
        {file(R"("marks":[{"old":1e999,"new":1}])"), "m.json"},
        {file(R"("marks":[{"old":1.5,"new":1}])"), "/marks/0/old"},
        {file(R"("marks":[{"old":257,"new":1,"mask":255}])"), "outside of the mask"},
        {file(R"("marks":[{"old":0,"new":0,"mask":0}])"), "outside of the mask"},
        {file(R"("marks":[{"old":1,"new":2,"mask":255},{"old":1,"new":2,"mask":15}])"),
         "/marks/1: mask 0xf has some of the bits of the mask 0xff"},
        {file(R"("addresses":[{"old":"10.1.0.0/24","new":"10.9.0.0/23"}])"), "as many"},
        {file(R"("addresses":[{"old":"10.1.0.1","new":"2001:db8::1"}])"), "of one family"},
        {file(R"("addresses":[{"old":"10.1.0.1/24","new":"10.9.0.0/24"}])"), "/addresses/0/old"},
        {file(R"("addresses":[{"old":"10.1.0.9-10.1.0.1","new":"10.9.0.1-10.9.0.9"}])"),
         "ends before it begins"},
        {file(R"("addresses":[{"old":"fe80::1%eth0","new":"fe80::2%eth0"}])"), "/addresses/0/old"},
        {file(R"("addresses":[{"old":"10.1.0.1-","new":"10.9.0.1"}])"), "/addresses/0/old"},
        {file(R"("addresses":[{"old":"gw.example","new":"10.9.0.1"}])"), "/addresses/0/old"},
        {file(
             R"("addresses":[{"old":"10.1.0.1","new":"10.9.0.1"},{"old":"10.1.0.1","new":"10.9.0.1"}])"),
         "/addresses/1: 10.1.0.1 to 10.9.0.1 stands at /addresses/0 already"},
        {file(
             R"("addresses":[{"old":"10.1.0.1","new":"10.9.0.1"},{"old":"10.1.0.1/32","new":"10.9.0.1"}])"),
         "/addresses/1"},
        {file(
             R"("vips":["198.51.100.0/24"],"addresses":[{"old":"198.51.100.7","new":"10.9.0.1"}])"),
         "never change"},
        {file(
             R"("vips":["198.51.100.0/24"],"addresses":[{"old":"10.1.0.1","new":"198.51.100.7"}])"),
         "never change"},
        {file(R"("interfaces":[{"old":"eth*","new":"eth0"}])"), "/interfaces/0/old"},
        {file(R"("interfaces":[{"old":"eth0","new":"a-name-that-is-too-long"}])"),
         "/interfaces/0/new"},
        {file(R"("interfaces":[{"old":"eth0","new":"eth1","host":"somewhere"}])"),
         "/interfaces/0/host"},
        {file(R"("interfaces":[{"old":"eth0","new":"eth1"},{"old":"eth0","new":"eth1"}])"), "once"},
        {file(R"("interfaces":[{"old":"eth0","new":"ens1"},{"old":"eth0.5","new":"ens1"}])"),
         "/interfaces/1: eth0 becomes ens1, and eth0.5 becomes ens1, expected a port and its VLAN"},
        {file(R"("interfaces":[{"old":"eth0","new":"ens1.5"},{"old":"eth0","new":"ens1"}])"),
         "/interfaces/1: eth0"},
        {file(R"("keep":[{"table":"ip docker"}])"), "reason"},
        {file(R"("keep":[{"table":"ip docker","reason":"  "}])"), "/keep/0/reason"},
        {file(R"("keep":[{"table":"docker","reason":"x"}])"), "/keep/0/table"},
        {file(R"("ignore":[{"table":"ip a","reason":"x"},{"table":"ip a","reason":"y"}])"),
         "/ignore/1: ip a stands at /ignore/0 already"},
        {R"({"schema":"rehome/lbsync-map/1","zones":[],"zones":[]})", "zones"},
    };
    for (const auto& [text, words] : cases) {
        CAPTURE(text);
        CHECK_MESSAGE(contains(refused(text), words), refused(text));
        CHECK(contains(refused(text), "m.json"));
    }
    SUBCASE("all mistakes at once") {
        const std::string said = refused(file(
            R"("zones":[{"old":70000,"new":2}],"addresses":[{"old":"x","new":"y"}],"keep":[{"table":"ip a"}])"));
        CHECK(contains(said, "/zones/0/old"));
        CHECK(contains(said, "/addresses/0/old"));
        CHECK(contains(said, "/addresses/0/new"));
        CHECK(contains(said, "/keep/0"));
    }
}

TEST_CASE("a file adds to what the inventory tells") {
    const auto mapping = with_lab(
        R"("addresses":[{"old":"10.1.9.0/28","new":"172.20.7.16/28"},{"old":"192.0.2.9","new":"100.127.9.249"},
                        {"old":"10.1.1.13-10.1.1.14","new":"172.20.5.23-172.20.5.24"}],
           "networks":{"old":["192.0.2.0/28"],"new":["100.127.9.240/28"]})");
    REQUIRE_MESSAGE(mapping.has_value(), mapping.error().front().text());
    const std::pair<const char*, const char*> cases[] = {{"10.1.9.3", "172.20.7.19"},
                                                         {"10.1.9.4/30", "172.20.7.20/30"},
                                                         {"192.0.2.9", "100.127.9.249"},
                                                         {"10.1.1.11", "172.20.5.21"},
                                                         {"10.1.0.0/16", "172.20.0.0/16"}};
    for (const auto& [from, to] : cases) {
        CAPTURE(from);
        const auto image = mapping->map(at(from));
        REQUIRE_MESSAGE(image.has_value(), image.error());
        CHECK(image->text() == to);
    }
    CHECK(mapping->paired(Address::parse("10.1.9.3").value())->text() == "172.20.7.19");
    // of servers by the inventory and by the file
    CHECK(mapping->map({at("10.1.1.11").first, at("10.1.1.14").first})->text() ==
          "172.20.5.21-172.20.5.24");
    // outside of the group, what the file tells of the old network, and what already is of the new
    for (const char* text :
         {"10.1.9.16", "10.1.9.0/27", "192.0.2.1", "100.127.9.241", "172.20.7.20"}) {
        CAPTURE(text);
        CHECK(!mapping->map(at(text)));
    }
}

TEST_CASE("and never against it") {
    const std::pair<const char*, const char*> cases[] = {
        {R"("addresses":[{"old":"10.1.1.11","new":"172.20.5.99"}])",
         "the inventory pairs 10.1.1.11 with"},
        {R"("addresses":[{"old":"10.1.1.99","new":"172.20.5.21"}])", "the inventory pairs"},
        {R"("addresses":[{"old":"10.1.1.0/24","new":"172.20.6.0/24"}])", "the inventory pairs"},
        {R"("addresses":[{"old":"198.51.100.10","new":"172.20.5.99"}])",
         "VIPs (198.51.100.0/24) never change"},
        {R"("addresses":[{"old":"10.1.9.9","new":"198.51.100.10"}])", "never change"},
        {R"("addresses":[{"old":"10.1.9.9","new":"8.8.8.8"}])", "8.8.8.8 is no part of site new"},
        {R"("addresses":[{"old":"192.0.2.9","new":"10.1.9.9"}])",
         "10.1.9.9 is no part of site new"},
        {R"("addresses":[{"old":"10.1.9.9","new":"100.64.2.1"}])", "the inventory pairs"},
    };
    for (const auto& [keys, words] : cases) {
        CAPTURE(keys);
        const auto mapping = with_lab(keys);
        REQUIRE(!mapping.has_value());
        CHECK_MESSAGE(contains(errors_of(mapping.error()), words), errors_of(mapping.error()));
        CHECK(contains(mapping.error().front().where, "m.json: /addresses/0"));
    }
    SUBCASE("ports") {
        const Lab lab;
        std::vector<Error> errors;
        const HostPair& pair = lab.pairs.hosts[0];
        const auto& [from, to] = *pair.interfaces.begin();
        const auto of = [&](const std::string& old_one, const std::string& new_one) {
            return parsed(R"("interfaces":[{"old":")" + old_one + R"(","new":")" + new_one +
                          R"("}])");
        };
        interfaces_of(pair, of(from, "elsewhere"), errors);
        CHECK(contains(errors_of(errors), "by the inventory"));
        errors.clear();
        CHECK(interfaces_of(pair, of("mgmt0", "oob1"), errors).contains("mgmt0"));
        CHECK(interfaces_of(pair, of(from, to), errors).size() == pair.interfaces.size());
        CHECK(errors.empty());
    }
}

TEST_CASE("the way back, by the same file") {
    const auto mapping =
        with_lab(R"("addresses":[{"old":"10.1.9.0/28","new":"172.20.7.16/28"}])", true);
    REQUIRE(mapping.has_value());
    CHECK(mapping->map(at("172.20.7.19"))->text() == "10.1.9.3");
}

TEST_CASE("groups that are not one to one are refused where a rule names what they share") {
    const Mapping mapping = *Mapping::of(parsed(
        R"("addresses":[{"old":"10.1.1.0/24","new":"10.9.1.0/24"},{"old":"10.1.2.0/24","new":"10.9.1.0/24"},
                        {"old":"10.1.3.3","new":"10.9.3.3"},{"old":"10.1.3.3","new":"10.9.3.4"},
                        {"old":"10.1.4.4","new":"10.9.4.5"},{"old":"10.1.4.5","new":"10.9.4.4"}])"));
    CHECK(contains(mapping.map(at("10.1.1.7")).error(), "no longer tell them apart"));
    CHECK(contains(mapping.map(at("10.1.2.0/25")).error(), "no longer tell them apart"));
    CHECK(contains(mapping.map(at("10.1.3.3")).error(), "becomes both"));
    CHECK(mapping.map(at("192.0.2.1")).has_value());
    CHECK(mapping.map(at("0.0.0.0/0")).has_value());
    SUBCASE("what changes places is a set of both") {
        CHECK(mapping.map(at("10.1.4.4"))->text() == "10.9.4.5");
        CHECK(!mapping.map(at("10.1.4.4/31")));
        CHECK(mapping.map_set(at("10.1.4.4/31"))->size() == 2);
        CHECK(mapping.map(at("::ffff:10.1.4.4"))->text() == "::ffff:10.9.4.5");
    }
}

TEST_CASE("a file alone names its networks") {
    const auto refusal = [](const std::string& group) {
        const auto mapping = Mapping::of(
            parsed(R"("networks":{"old":["10.1.0.0/16"],"new":["10.9.0.0/16"]},"addresses":[)" +
                   group + "]"));
        return mapping ? "taken" : errors_of(mapping.error());
    };
    CHECK(contains(refusal(R"({"old":"10.1.0.1","new":"10.8.0.1"})"),
                   "m.json: /addresses/0: 10.8.0.1 lies in none of the file's new networks"));
    CHECK(contains(refusal(R"({"old":"10.2.0.1","new":"10.9.0.1"})"),
                   "10.2.0.1 lies in none of the file's old networks"));
    CHECK(refusal(R"({"old":"10.1.0.1","new":"10.9.0.1"})") == "taken");
}

TEST_CASE("numbers") {
    Numbers marks("mark");
    marks.add({0x10, 0x20, 0xff});
    marks.add({0x20, 0x10, 0xff});
    marks.add({0x100, 0x300, 0xff00});
    marks.add({0x30, 0x40, 0xff});
    SUBCASE("tested") {
        CHECK(marks.tested(0x10, 0xff) == 0x20u);
        CHECK(marks.tested(0x110, 0xffffffff) == 0x320u);
        CHECK(marks.tested(0xa0000050, 0xffffffff) == 0xa0000050u);
        CHECK(marks.tested(0x10000, 0xffff0000) == 0x10000u);
        CHECK(contains(marks.tested(0x40, 0xff).error(), "is what 0x30 becomes"));
        CHECK(contains(marks.tested(0x10, 0xf0).error(), "a part of the bits"));
    }
    SUBCASE("ranges") {
        CHECK(marks.stays(0x10, 0x20, 0xff).has_value());
        CHECK(marks.stays(0, 0xff, 0xff).has_value());
        CHECK(!marks.stays(0x10, 0x1f, 0xff));
        CHECK(!marks.stays(0x10, 0x30, 0xff));
        CHECK(!marks.stays(0x10, 0x20, 0xffffffff));
        CHECK(marks.stays(0, 0xffffffff, 0xffffffff).has_value());
        // bits that change as a whole, of which a part is looked at
        Numbers whole("mark");
        whole.add({0x110, 0x200, 0xffffffff});
        CHECK(!whole.stays(0x10, 0x20, 0xff));
        CHECK(whole.stays(0x100, 0x2ff, 0xffffffff).has_value());
        Numbers zones("zone");
        zones.add({5, 7, 0xffff});
        CHECK(zones.stays(1, 9, 0xffffffff).has_value());
        CHECK(!zones.stays(1, 6, 0xffffffff));
    }
    SUBCASE("written") {
        CHECK(marks.written(0, 0x110) == 0x320u);
        CHECK(marks.written(0xffffff00, 0x10) == 0x20u);
        CHECK(marks.written(0xffffffff, 0) == 0u);
        CHECK(contains(marks.written(0xfffffff0, 0x5).error(), "a part is written"));
        CHECK(contains(marks.written(0xffffffff, 0x1).error(), "a part is written"));
    }
    SUBCASE("two onto one, and one onto two") {
        marks.add({0x11, 0x20, 0xff});
        CHECK(contains(marks.tested(0x11, 0xff).error(), "no longer tell them apart"));
        marks.add({0x12, 0x13, 0xff});
        marks.add({0x12, 0x14, 0xff});
        CHECK(contains(marks.tested(0x12, 0xff).error(), "becomes both 0x13 and 0x14"));
        CHECK(marks.tested(0x50, 0xff) == 0x50u);
    }
}

}  // namespace rehome::lbsync
