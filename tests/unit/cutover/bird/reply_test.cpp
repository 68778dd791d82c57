// BIRD's replies and our include file, as tables.
#include <doctest/doctest.h>

#include "cutover/bird/announce_file.h"
#include "cutover/bird/reply.h"

namespace rehome::cutover::testing {

namespace {

const Prefix prefix = *Prefix::parse("198.51.100.0/24");

BirdReply reply_of(std::string_view text) {
    BirdReplyReader reader;
    auto reply = reader.take(text);
    REQUIRE(reply);
    REQUIRE(reply->has_value());
    return **reply;
}

const char* const table = "1007-Table export:\n";
const char* const route = " 198.51.100.0/24      blackhole [vips 03:47:35.911] * (200)\n";
const char* const other = "1007-198.51.100.0/25      blackhole [vips 03:47:35.911] * (200)\n";
const char* const kind = "1008-\tType: static univ\n";
const char* const path = "1012-\tBGP.as_path: 64600 64600\n";

}  // namespace

TEST_CASE("replies, however they are cut") {
    const std::string text =
        "0002-Reading configuration from a.conf\n"
        "+log message\n"
        "0022-Undo scheduled in 5 s\n"
        " and a second line\n"
        "0003 Reconfigured\n";
    for (size_t cut = 0; cut < text.size(); ++cut) {
        BirdReplyReader reader;
        const auto first = reader.take(std::string_view(text).substr(0, cut));
        REQUIRE(first);
        CHECK_FALSE(first->has_value());
        const auto reply = reader.take(std::string_view(text).substr(cut));
        REQUIRE(reply);
        REQUIRE(reply->has_value());
        CHECK((*reply)->code() == 3);
        CHECK((*reply)->text() == "Reconfigured");
        CHECK((*reply)->ok());
        CHECK((*reply)->has(22));
        CHECK_FALSE((*reply)->has(4));
        REQUIRE((*reply)->lines.size() == 4);
        CHECK((*reply)->lines[2].text == "and a second line");
    }
}

TEST_CASE("what is no reply is refused") {
    for (const char* text :
         {"hello\n", "00a3 x\n", "12\n", " continued\n", "0003x\n", "\n", "-003 x\n"}) {
        CAPTURE(text);
        CHECK_FALSE(BirdReplyReader().take(text));
    }
    BirdReplyReader endless;
    CHECK_FALSE(endless.take(std::string(17u << 20, 'x')));
}

TEST_CASE("a refusal is not ok") {
    CHECK_FALSE(reply_of("8002 announce.conf:1:20 syntax error\n").ok());
    CHECK_FALSE(reply_of("9001 syntax error\n").ok());
}

TEST_CASE("a session's state") {
    CHECK(session_state(reply_of("1002-red BGP --- up 03:47:30.942  Established\n"
                                 "1006-  BGP state:          Established\n"
                                 "     Neighbor address: 10.0.0.2\n \n0000 \n")) == "Established");
    CHECK(session_state(reply_of("1006-  BGP state:          Active\n0000 \n")) == "Active");
    CHECK_FALSE(session_state(reply_of("1002-vips Static master4 up 03:47:30\n0000 \n")));
}

TEST_CASE("how a prefix is exported") {
    struct Case {
        const char* what;
        std::string reply;
        Exported exported;
    };
    const std::string shutdown = " \tBGP.community: (64500,1) (65535,0)\n";
    const Case cases[] = {
        {"not", "0000 \n", Exported::absent},
        {"no such network", "8001 Network not found\n", Exported::absent},
        {"an empty table", std::string(table) + "0000 \n", Exported::absent},
        {"plain", std::string(table) + route + kind + "0000 \n", Exported::plain},
        {"with a path", std::string(table) + route + kind + path + "0000 \n", Exported::plain},
        {"drained", std::string(table) + route + kind + path + shutdown + "0000 \n",
         Exported::graceful_shutdown},
        {"another community", std::string(table) + route + " \tBGP.community: (65535,1)\n0000 \n",
         Exported::plain},
        {"another prefix of the same start", std::string(other) + kind + "0000 \n",
         Exported::absent},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(exported_as(reply_of(one.reply), prefix) == one.exported);
    }
}

TEST_CASE("the include file: what is taken") {
    const auto states = parse_announce_file("f",
                                            "# red first\n"
                                            "define state_red = 2;  # announced\n"
                                            "\n"
                                            "\tdefine  state_green =  1 ;\r\n"
                                            "define state_blue = 0;");
    REQUIRE(states);
    CHECK(*states == AnnounceStates{{"blue", Announce::withdrawn},
                                    {"green", Announce::drained},
                                    {"red", Announce::announced}});
    const std::string text = announce_file_text(*states);
    CHECK(*parse_announce_file("f", text) == *states);
    CHECK(text.find("define state_green = 1;\n") != std::string::npos);
}

TEST_CASE("the include file: what is refused") {
    for (const char* line :
         {"define state_red = 3;", "define state_red = 22;", "define state_red 2;",
          "define state_red = 2", "define state_ = 2;", "define red = 2;", "include \"x\";",
          "define state_red = 2; define state_green = 2;", "state_red = 2;",
          "define state_red = -1;", "define state_red = 2;\ndefine state_red = 1;"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_announce_file("f", line));
    }
    CHECK(parse_announce_file("f", "\nnonsense\n").error().text() ==
          "f: line 2: \"nonsense\", expected define state_CARRIER = 0, 1 or 2;");
}

}  // namespace rehome::cutover::testing
