// What BIRD's tables print, as BIRD 2.0.12 does.
#include <doctest/doctest.h>

#include "cutover/bird/tables.h"

namespace rehome::cutover::testing {

namespace {

BirdReply reply_of(std::string_view text) {
    BirdReplyReader reader;
    auto reply = reader.take(text);
    REQUIRE(reply);
    REQUIRE(reply->has_value());
    return **reply;
}

Route route(const char* prefix, Exported exported = Exported::plain) {
    return {*Prefix::parse(prefix), exported};
}

const std::string table = "1007-Table export:\n";
const std::string moved = " 198.51.100.0/24      blackhole [vips 03:47:35.911] * (200)\n";
const std::string half = "1007-198.51.100.0/25      blackhole [vips 03:47:35.911] * (200)\n";
const std::string more = "1007-                     unicast [other 03:47:35.911] (100)\n";
const std::string kind = "1008-\tType: static univ\n";
const std::string path = "1012-\tBGP.as_path: 64600 64600\n";
const std::string end = "0000 \n";

std::string communities(const std::string& which) {
    return " \tBGP.community: " + which + "\n";
}

}  // namespace

TEST_CASE("a session, its channels and their states") {
    const auto both = session_in("red", reply_of("1002-red BGP --- up 03:47:30.942  Established\n"
                                                 "1006-  BGP state:          Established\n"
                                                 "     Neighbor address: 10.0.0.2\n"
                                                 "   Channel ipv4\n"
                                                 "     State:          UP\n"
                                                 "     GR recovery:    pending waiting\n"
                                                 "     Routes:         0 imported, 4 exported\n"
                                                 "   Channel ipv6\n"
                                                 "     State:          DOWN\n"
                                                 "   Channel flow4\n"
                                                 "     State:          UP\n \n0000 \n"));
    REQUIRE(both);
    CHECK(both->state == "Established");
    REQUIRE(both->channels.size() == 2);
    CHECK(both->channel(Family::v4)->up);
    CHECK(both->channel(Family::v4)->recovering);
    CHECK(both->channel(Family::v4)->routes == "0 imported, 4 exported");
    CHECK_FALSE(both->channel(Family::v6)->up);
    CHECK_FALSE(both->channel(Family::v6)->recovering);

    const auto down = session_in("red", reply_of("1006-  BGP state:          Active\n"
                                                 "   Channel ipv6\n"
                                                 "     State:          DOWN\n0000 \n"));
    REQUIRE(down);
    CHECK(down->state == "Active");
    CHECK(down->channel(Family::v4) == nullptr);
    CHECK_FALSE(session_in("vips", reply_of("1002-vips Static master4 up 03:47:30\n0000 \n")));
}

TEST_CASE("routes and how they are told") {
    struct Case {
        const char* what;
        std::string reply;
        std::vector<Route> routes;
    };
    const Route plain = route("198.51.100.0/24");
    const auto told = [](const char* which) {
        return table + moved + kind + path + communities(which) + end;
    };
    const auto as = [](Exported exported) {
        return std::vector<Route>{route("198.51.100.0/24", exported)};
    };
    const Case cases[] = {
        {"none", end, {}},
        {"no such network", "8001 Network not found\n", {}},
        {"an empty table", table + end, {}},
        {"plain", table + moved + kind + path + end, {plain}},
        {"drained", told("(64500,1) (65535,0)"), as(Exported::graceful_shutdown)},
        {"NO_EXPORT", told("(65535,65281)"), as(Exported::no_export)},
        {"NO_ADVERTISE", told("(65535,65282)"), as(Exported::no_export)},
        {"NO_EXPORT_SUBCONFED", told("(65535,65283)"), as(Exported::no_export)},
        {"BLACKHOLE", told("(65535,0) (65535,666)"), as(Exported::blackhole)},
        {"drained, and kept back", told("(65535,0) (65535,65281)"), as(Exported::no_export)},
        {"another community", told("(65535,1) (1,65281)"), {plain}},
        {"a half besides",
         table + moved + kind + half + kind + communities("(65535,666)") + end,
         {plain, route("198.51.100.0/25", Exported::blackhole)}},
        {"a half alone", half + kind + end, {route("198.51.100.0/25")}},
        {"a second route of it",
         table + moved + communities("(65535,0)") + more + kind + end,
         {route("198.51.100.0/24", Exported::graceful_shutdown), plain}},
        {"IPv6",
         "1007-2001:db8::/32        blackhole [s6 03:47] * (200)\n" + end,
         {route("2001:db8::/32")}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(routes_in(reply_of(one.reply)) == one.routes);
    }
}

TEST_CASE("what birdc prints of the far side") {
    const std::string ready = "0001 BIRD 2.0.12 ready.\n";
    const auto held = prefixes_in(ready +
                                  "1007-Table master4:\n"
                                  "     198.51.100.0/25      unicast [old 06:07] * (100) [AS1i]\n"
                                  "     \tvia 100.64.1.2 on veth1\n"
                                  "1007-198.51.100.0/24      unicast [old 06:07] * (100) [AS1i]\n");
    REQUIRE(held);
    CHECK(*held == std::vector<Prefix>{*Prefix::parse("198.51.100.0/25"),
                                       *Prefix::parse("198.51.100.0/24")});
    CHECK(prefixes_in(ready)->empty());
    CHECK(prefixes_in(ready + "9001 No valid tables\n")->empty());
    // What is no answer is never "holds none".
    for (const std::string& text :
         {std::string(), std::string("hello\n"), ready + "9001 syntax error\n",
          ready + "8003 No protocols match\n", std::string("9001 No valid tables\n")}) {
        CAPTURE(text);
        REQUIRE_FALSE(prefixes_in(text));
        CHECK(prefixes_in(text).error().kind == Exit::unknown);
    }
}

TEST_CASE("what BIRD runs with") {
    CHECK(running_state(reply_of("0023 0\n")) == Announce::withdrawn);
    CHECK(running_state(reply_of("0023 2\n")) == Announce::announced);
    for (const char* text : {"0023 3\n", "0023 22\n", "0023 \n", "0023 TRUE\n",
                             "9001 syntax error, unexpected CF_SYM_UNDEFINED\n", "0000 2\n"}) {
        CAPTURE(text);
        CHECK_FALSE(running_state(reply_of(text)));
    }
}

TEST_CASE("where BIRD finds a mistake") {
    const auto place =
        place_of("/etc/bird/bird.conf:31:7 syntax error, unexpected CF_SYM_UNDEFINED");
    REQUIRE(place);
    CHECK(place->file == "/etc/bird/bird.conf");
    CHECK(place->line == 31);
    for (const char* text : {"", "syntax error", "a.conf: no such file", "a.conf:x:1 y",
                             "a.conf:0:1 y", "a.conf:3", "a.conf:99999999999999999999999:1 y"}) {
        CAPTURE(text);
        CHECK_FALSE(place_of(text));
    }
}

}  // namespace rehome::cutover::testing
