// BIRD's replies and our include file.
#include <doctest/doctest.h>

#include "cutover/bird/announce_file.h"
#include "cutover/bird/reply.h"

namespace rehome::cutover::testing {

namespace {

BirdReply reply_of(std::string_view text) {
    BirdReplyReader reader;
    auto reply = reader.take(text);
    REQUIRE(reply);
    REQUIRE(reply->has_value());
    return **reply;
}

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

TEST_CASE("the include file: one carrier's state is merged, all else stays") {
    const char* const before =
        "# red first\n"
        "define state_red = 2;  # since 2020\n"
        "\n"
        "\tdefine  state_green =  1 ;\r\n"
        "nonsense of somebody else\n"
        "define state_blue = 0;";
    const char* const after =
        "# red first\n"
        "define state_red = 0;  # since 2020\n"
        "\n"
        "\tdefine  state_green =  1 ;\r\n"
        "nonsense of somebody else\n"
        "define state_blue = 2;";
    CHECK(with_states(before, {{"red", Announce::withdrawn}, {"blue", Announce::announced}}) ==
          after);
    CHECK(with_states(before, {}) == before);
    CHECK(with_states("", {{"red", Announce::drained}}) == "");
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
