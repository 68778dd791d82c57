// What a hand remembers, whom it obeys, and by whom a host is held.
#include "cutover/hand/record.h"

#include <doctest/doctest.h>

#include "cutover/hand/reign.h"

namespace rehome::cutover::testing {

namespace {

constexpr UnixMicros at = 1'700'000'000'000'000;
const ProcessMark init{17, 99, "boot"};

Job job(size_t line) {
    return {1,
            {"echo", "\xff"},
            Milliseconds(2'000),
            Entry{line, "sum" + std::to_string(line), "s/a", true, {}}};
}

Hello hello(uint64_t epoch, const std::string& session, char run = 'a') {
    Hello made;
    made.holder = {std::string(32, run), epoch, "root@op", 7, "/j", at};
    made.session = session;
    return made;
}

}  // namespace

TEST_CASE("what was written down of a command is known by its line") {
    const Ending ending{3, Cause::silence, "out", "err\xff", 1, "put back: exit 0"};
    const std::string text =
        begun_line(job(4), init, at) + if_cut_line(4, {{"mend", "it"}, Milliseconds(50)}, at) +
        left_line(4, {"agent", {18, 100, "boot"}}, at) + ended_line(4, ending, at) +
        begun_line(job(9), init, at) + if_cut_line(9, {{"mend"}, Milliseconds(50)}, at) +
        if_cut_line(9, {}, at);
    const auto record = read_record("r", text);
    REQUIRE(record);
    CHECK(record->head == Head{9, "sum9"});
    CHECK(record->whole_bytes == text.size());
    const Remembered& first = record->commands.at(4);
    CHECK(first.entry.step == "s/a");
    CHECK(first.entry.survives);
    CHECK(first.limit == Milliseconds(2'000));
    CHECK(first.begun_at == at);
    CHECK(first.init == init);
    CHECK(first.if_cut.argv == Argv{"mend", "it"});
    REQUIRE(first.left.size() == 1);
    CHECK(first.left[0].process.pid == 18);
    REQUIRE(first.ending);
    CHECK(first.ending->cause == Cause::silence);
    CHECK(first.ending->err == "err\xff");
    const Remembered& second = record->commands.at(9);
    CHECK_FALSE(second.ending);
    CHECK(second.if_cut.argv.empty());
    CHECK_FALSE(record->commands.contains(5));
}

TEST_CASE("a last line torn anywhere does not count; other damage is told") {
    const std::string first = begun_line(job(4), init, at);
    const std::string second = ended_line(4, {}, at);
    for (size_t cut = 0; cut < second.size(); ++cut) {
        const auto record = read_record("r", first + second.substr(0, cut));
        REQUIRE(record);
        CHECK_FALSE(record->commands.at(4).ending);
        CHECK(record->whole_bytes == first.size());
    }
    for (const std::string& text :
         {second, first + "x\n", first + "{}\n", first + "{\"what\": \"sang\", \"line\": 4}\n"}) {
        CHECK_FALSE(read_record("r", text));
    }
}

TEST_CASE("a begun line once more begins it anew") {
    const auto record = read_record(
        "r", begun_line(job(4), init, at) + ended_line(4, {}, at) + begun_line(job(4), init, at));
    REQUIRE(record);
    CHECK_FALSE(record->commands.at(4).ending);
}

TEST_CASE("the newest runner of a run is obeyed, and no other one in its epoch") {
    struct Case {
        uint64_t epoch;
        const char* session;
        const char* why;
    };
    const Reign reign{3, "ours", init};
    for (const Case& one : {Case{2, "ours", "gone on with this run (epoch 3, ours is 2)"},
                            Case{3, "theirs", "its journal was copied"}, Case{3, "ours", ""},
                            Case{4, "theirs", ""}}) {
        CAPTURE(one.epoch);
        const std::string why = why_not(hello(one.epoch, one.session), reign);
        CHECK(why.empty() == std::string(one.why).empty());
        CHECK(why.find(one.why) != std::string::npos);
    }
    CHECK(why_not(hello(1, "s"), Reign()).empty());
}

TEST_CASE("one run at a time holds a host, and is told of with what to do") {
    const Holder other = hello(1, "s", 'b').holder;
    CHECK(why_held(hello(1, "s"), std::nullopt).empty());
    CHECK(why_held(hello(2, "s", 'b'), other).empty());
    const std::string why = why_held(hello(1, "s"), other);
    for (const char* part : {"root@op", "process 7", "journal /j", "2023-11-14T22:13:20.000000Z",
                             "cutover hand release --run bbbbbbbb"}) {
        CHECK(why.find(part) != std::string::npos);
    }
}

TEST_CASE("a host is held since it was taken first") {
    Hello later = hello(2, "s");
    later.holder.since = at + 5;
    const Holder holder = held_by(later, hello(1, "s").holder);
    CHECK(holder.since == at);
    CHECK(holder.epoch == 2);
    CHECK(held_by(later, hello(1, "s", 'b').holder).since == at + 5);
}

TEST_CASE("what stands in files is read back, and nothing else") {
    const auto reign = parse_reign("f", text_of(Reign{3, "ours", init, 2}));
    REQUIRE(reign);
    CHECK(reign->epoch == 3);
    CHECK(reign->since == 2);
    CHECK(reign->session == "ours");
    CHECK(reign->hand == init);
    CHECK(parse_holder("f", text_of(hello(1, "s").holder)) == hello(1, "s").holder);
    for (const char* text : {"", "{}", "[]", "{\"epoch\": \"1\"}"}) {
        CHECK_FALSE(parse_reign("f", text));
        const auto holder = parse_holder("f", text);
        REQUIRE_FALSE(holder);
        CHECK(holder.error().text().find("f: is damaged; where no run is") == 0);
    }
}

TEST_CASE("what did not end by itself says why") {
    CHECK(why_cut({0, Cause::itself, "", "", 0, ""}).empty());
    CHECK(why_cut({143, Cause::time, "", "", 0, ""}).empty());
    CHECK(why_cut({137, Cause::gone, "", "", 0, ""}) ==
          "it was killed with its hand, or its host went down");
    CHECK(why_cut({143, Cause::silence, "", "first\nsecond", 0, ""}) ==
          "its hand ended it, as nothing was heard of cutover any more (exit code 143: first)");
}

}  // namespace rehome::cutover::testing
