// The journal's lines: what is read back, and what is refused.
#include "cutover/run/journal.h"

#include <doctest/doctest.h>

namespace rehome::cutover::testing {

namespace {

Opening opening() {
    return {1'700'000'000'000'000, "/p.json", "{\"a\": \"\n\\\"\"}", "/i.json", "{}",
            {{"rate", "200"}},     "/run/d",  std::string(32, 'a')};
}

struct Written {
    std::string first, second, third;
    std::string all() const { return first + second + third; }
};

Written written() {
    JournalWriter writer;
    return {writer.line(opening()),
            writer.line(Record{Happened::begun, 1'700'000'000'000'001, "s/a", ""}),
            writer.line(Record{Happened::failed, 1'700'000'000'000'002, "s/a",
                               "bytes that are no UTF-8: \xff, and a line feed \n"})};
}

}  // namespace

TEST_CASE("what is written is read back") {
    const Written lines = written();
    const auto journal = read_journal("j", lines.all());
    REQUIRE(journal);
    REQUIRE(journal->has_value());
    const Opening& read = (*journal)->opening;
    CHECK(read.playbook == opening().playbook);
    CHECK(read.inventory_path == "/i.json");
    CHECK(read.settings == Settings{{"rate", "200"}});
    CHECK(read.run_dir == "");  // whoever reads it knows where it is
    CHECK(read.run == opening().run);
    CHECK(read.at == opening().at);
    REQUIRE((*journal)->records.size() == 2);
    CHECK((*journal)->records[0].what == Happened::begun);
    CHECK((*journal)->records[0].step == "s/a");
    CHECK((*journal)->records[1].at == 1'700'000'000'000'002);
    CHECK((*journal)->whole_bytes == lines.all().size());
}

TEST_CASE("going on continues the chain") {
    const Written lines = written();
    const auto before = read_journal("j", lines.first + lines.second);
    JournalWriter writer((*before)->last_sum);
    const std::string line = writer.line(Record{Happened::done, 3, "s/a", ""});
    const auto journal = read_journal("j", lines.first + lines.second + line);
    REQUIRE(journal);
    CHECK((*journal)->records.back().what == Happened::done);
}

TEST_CASE("each runner that goes on raises the epoch") {
    JournalWriter writer;
    std::string text = writer.line(opening());
    CHECK(epoch_after((*read_journal("j", text))->records) == 1);
    for (const uint64_t epoch : {2, 3}) {
        text += writer.line(Record{Happened::resumed, 1, "", "", {}, epoch});
        text += writer.line(Record{Happened::begun, 1, "s/a", ""});
        CHECK(epoch_after((*read_journal("j", text))->records) == epoch);
    }
}

TEST_CASE("a last line torn anywhere does not count") {
    const Written lines = written();
    const std::string whole = lines.first + lines.second;
    for (size_t cut = 0; cut < lines.third.size(); ++cut) {
        const auto journal = read_journal("j", whole + lines.third.substr(0, cut));
        REQUIRE(journal);
        CHECK((*journal)->records.size() == 1);
        CHECK((*journal)->whole_bytes == whole.size());
    }
    for (size_t cut = 0; cut < lines.first.size(); ++cut) {
        const auto journal = read_journal("j", lines.first.substr(0, cut));
        REQUIRE(journal);
        CHECK_FALSE(journal->has_value());
    }
}

TEST_CASE("any other change is an error") {
    const Written lines = written();
    struct Case {
        const char* what;
        std::string text;
        int line;
    };
    std::string changed = lines.all();
    changed[lines.first.size() + 10] ^= 1;
    const Case cases[] = {
        {"a bit in the middle", changed, 2},
        {"a line lost", lines.first + lines.third, 2},
        {"lines in another order", lines.first + lines.third + lines.second, 2},
        {"a line twice", lines.first + lines.second + lines.second, 3},
        {"no opening", lines.second, 1},
        {"an empty line", lines.first + "\n", 2},
        {"something else", "{\"schema\": \"rehome/journal/1\"}\n", 1},
        {"zeros", std::string(100, '\0') + "\n", 1},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const auto journal = read_journal("j", one.text);
        REQUIRE_FALSE(journal);
        CHECK(journal.error().text().starts_with("j: line " + std::to_string(one.line) + ": "));
    }
}

TEST_CASE("a single changed bit anywhere but in a torn end is noticed") {
    const Written lines = written();
    const std::string text = lines.all();
    for (size_t at = 0; at < lines.first.size() + lines.second.size(); ++at) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 4);
        CHECK_FALSE(read_journal("j", changed));
    }
}

}  // namespace rehome::cutover::testing
