// What a runner and a hand say: read back as it was said, and nothing else is taken.
#include "cutover/hand/message.h"

#include <doctest/doctest.h>

#include "cutover/hand/message_json.h"

namespace rehome::cutover::testing {

namespace {

Holder holder() {
    return {std::string(32, 'a'), 3, "root@\xffhost", 42, "/j \xe4", 1'700'000'000'000'000};
}

std::string all_bytes() {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes += static_cast<char>(i);
    }
    return bytes;
}

template <typename T, typename Parsed>
T only(const Parsed& parsed) {
    REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().text()));
    REQUIRE(std::holds_alternative<T>(*parsed));
    return std::get<T>(*parsed);
}

}  // namespace

TEST_CASE("what a runner says is read back") {
    const Hello hello{holder(), "session", Milliseconds(1'500), Milliseconds(250), true};
    const auto heard = only<Hello>(parse_order(line_of(hello)));
    CHECK(heard.holder == holder());
    CHECK(heard.session == "session");
    CHECK(heard.silence == Milliseconds(1'500));
    CHECK(heard.grace == Milliseconds(250));
    CHECK(heard.lock);

    const Job look{7, {"echo", "\xff\n", ""}, Milliseconds(10), std::nullopt};
    CHECK(only<Job>(parse_order(line_of(look))).argv == look.argv);
    CHECK_FALSE(only<Job>(parse_order(line_of(look))).entry);
    const Job act{8, {"true"}, Milliseconds(10), Entry{12, "sum", "s/\xe4", true, {"agent"}}};
    const auto job = only<Job>(parse_order(line_of(act)));
    REQUIRE(job.entry);
    CHECK(job.entry->line == 12);
    CHECK(job.entry->sum == "sum");
    CHECK(job.entry->step == "s/\xe4");
    CHECK(job.entry->survives);
    CHECK(job.entry->leaves == Argv{"agent"});

    CHECK(only<Beat>(parse_order(line_of(Order(Beat{9})))).number == 9);
    CHECK(only<Recall>(parse_order(line_of(Recall{3, 12}))).line == 12);
    CHECK(only<Release>(parse_order(line_of(Release{4}))).id == 4);
}

TEST_CASE("what a hand tells is read back") {
    const auto welcome =
        only<Welcome>(parse_tale(line_of(Welcome{Keeping::subreaper, Head{5, "sum"}, 3})));
    CHECK(welcome.keeping == Keeping::subreaper);
    CHECK(welcome.head == Head{5, "sum"});
    CHECK(welcome.since == 3);
    CHECK_FALSE(only<Welcome>(parse_tale(line_of(Welcome{}))).head);
    CHECK(only<Refused>(parse_tale(line_of(Refused{"why"}))).why == "why");
    CHECK(only<Waits>(parse_tale(line_of(Waits{"what"}))).what == "what");
    CHECK(only<Beat>(parse_tale(line_of(Tale(Beat{1})))).number == 1);
    CHECK(only<Released>(parse_tale(line_of(Released{1}))).id == 1);
    CHECK_FALSE(only<Recalled>(parse_tale(line_of(Recalled{1, std::nullopt}))).ending);

    const Ending ending{143, Cause::time, all_bytes(), "err", 2, "put back"};
    for (const Ending& read : {only<Ended>(parse_tale(line_of(Ended{6, ending}))).ending,
                               *only<Recalled>(parse_tale(line_of(Recalled{6, ending}))).ending}) {
        CHECK(read.code == 143);
        CHECK(read.cause == Cause::time);
        CHECK(read.out == all_bytes());
        CHECK(read.err == "err");
        CHECK(read.left == 2);
        CHECK(read.put_back == "put back");
    }
}

TEST_CASE("what cannot be is refused, and says why") {
    const char* const orders[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        R"({"say": "sing"})",
        R"({"say": 1})",
        R"({"say": "beat"})",
        R"({"say": "beat", "number": -1})",
        R"({"say": "beat", "number": "1"})",
        R"({"say": "job", "id": 1, "argv": ["x"]})",
        R"({"say": "job", "id": 1, "argv": [1], "limit_ms": 1})",
        R"({"say": "job", "id": 1, "argv": ["€"], "limit_ms": 1})",
        R"({"say": "job", "id": 1, "argv": ["x"], "limit_ms": 1, "entry": {}})",
        R"({"say": "hello", "schema": "rehome/hand-order/2"})",
    };
    for (const char* line : orders) {
        CAPTURE(line);
        const auto order = parse_order(line);
        REQUIRE_FALSE(order);
        CHECK(order.error().where == "runner");
    }
    Hello hello{holder(), "s", Milliseconds(1), Milliseconds(1), false};
    hello.holder.run = "../../etc";
    CHECK_FALSE(parse_order(line_of(hello)));
    const char* const tales[] = {
        "x",
        "{}",
        R"({"tell": "nothing"})",
        R"({"tell": "ended", "id": 1})",
        R"({"tell": "ended", "id": 1, "ending": {"cause": "boredom"}})",
        R"({"tell": "welcome", "schema": "rehome/hand-tale/9", "keeping": "subreaper"})",
    };
    for (const char* line : tales) {
        CAPTURE(line);
        CHECK_FALSE(parse_tale(line));
    }
}

TEST_CASE("a year is the longest limit, so that no time overflows") {
    const auto job = only<Job>(
        parse_order(R"({"say": "job", "id": 1, "argv": ["x"], "limit_ms": 18446744073709551615})"));
    CHECK(job.limit == std::chrono::hours(24 * 365));
}

TEST_CASE("bytes are kept, and what stands for none is refused") {
    CHECK(bytes_of_text(text_of_bytes(all_bytes())) == all_bytes());
    CHECK(text_of_bytes("plain") == "plain");
    for (const char* text : {"\xe2\x82\xac", "\xc3", "\xff", "\xc4\x80"}) {
        CHECK_FALSE(bytes_of_text(text));
    }
}

}  // namespace rehome::cutover::testing
