// What markers say of a journal: cut anywhere, or gone on with in two copies.
#include "cutover/run/marker.h"

#include <doctest/doctest.h>

namespace rehome::cutover::testing {

namespace {

const std::string run_id(32, 'a');

Opening opening() {
    Opening made;
    made.at = 1'700'000'000'000'000;
    made.playbook = made.inventory = "{}";
    made.run = run_id;
    return made;
}

// A run that was resumed once, and its head after each line.
struct Written {
    std::string text;
    std::vector<Marker> heads;

    explicit Written(const char* last = "done") {
        JournalWriter writer;
        const auto add = [&](const std::string& line) {
            text += line;
            const auto journal = read_journal("j", text);
            REQUIRE(journal);
            heads.push_back(marker_of(**journal));
            heads.back().from = "head";
        };
        add(writer.line(opening()));
        add(writer.line(Record{Happened::begun, 2, "s/a", ""}));
        add(writer.line(Record{Happened::stopped, 3, "", "a stop was asked for"}));
        add(writer.line(Record{Happened::resumed, 4, "", "", {}, 2}));
        add(writer.line(Record{Happened::done, 5, "s/a", last}));
    }
};

Journal journal_of(std::string_view text) {
    auto journal = read_journal("j", text);
    REQUIRE(journal);
    REQUIRE(*journal);
    return **journal;
}

std::string said(const Journal& journal, const Marker& marker) {
    const auto all = lacking(journal, {marker});
    return all.empty() ? "" : all.front();
}

}  // namespace

TEST_CASE("a journal that is cut anywhere is noticed exactly where a line is missing") {
    const Written written;
    const size_t first = written.text.find('\n') + 1;
    for (const Marker& head : written.heads) {
        for (size_t bytes = first; bytes <= written.text.size(); ++bytes) {
            CAPTURE(head.lines);
            CAPTURE(bytes);
            const Journal journal = journal_of(written.text.substr(0, bytes));
            CHECK(lacking(journal, {head}).empty() == (journal.sums.size() >= head.lines));
        }
    }
}

TEST_CASE("what kills and power cuts leave is no loss: a head behind the journal") {
    const Written written;
    for (const Marker& head : written.heads) {
        CHECK(said(journal_of(written.text), head).empty());
    }
}

TEST_CASE("what is said of a loss") {
    const Written written;
    const Written other("done otherwise");
    const Marker head = written.heads.back();
    const std::string cut =
        written.text.substr(0, written.text.rfind('\n', written.text.size() - 2) + 1);
    CHECK(said(journal_of(cut), head) ==
          "head knows of 5 lines, the journal has 4: the last 1 are missing");
    CHECK(said(journal_of(other.text), head) ==
          "head knows another line 5: the run has gone on in another copy of the journal");
    Marker elsewhere = written.heads.front();
    elsewhere.run = std::string(32, 'b');
    CHECK(said(journal_of(written.text), elsewhere).find("head is of another run (bbbb") == 0);
    // A hand knows no sum, but who came, and what was begun last.
    CHECK(said(journal_of(written.text), {"the hand at old-gw", run_id, 3, 0, ""}) ==
          "the hand at old-gw knows of epoch 3, the journal of 2: the run has gone on in another "
          "copy of the journal");
    CHECK(said(journal_of(cut), {"the hand at old-gw", run_id, 2, 5, ""}) ==
          "the hand at old-gw knows of 5 lines, the journal has 4: the last 1 are missing");
    CHECK(said(journal_of(written.text), {"the hand at old-gw", run_id, 2, 5, ""}).empty());
    CHECK(lacking(journal_of(cut), {head, head}).size() == 2);
}

TEST_CASE("the head's file is read as it was written, always as long") {
    const Written written;
    for (const Marker& head : written.heads) {
        const std::string text = head_text(head);
        CHECK(text.size() == 256);
        const auto read = parse_head("head", text);
        REQUIRE(read);
        CHECK(read->run == head.run);
        CHECK(read->epoch == head.epoch);
        CHECK(read->lines == head.lines);
        CHECK(read->sum == head.sum);
    }
    const std::string whole = head_text(written.heads.back());
    for (size_t bytes = 0; bytes < whole.find('}') + 1; ++bytes) {
        CHECK(!parse_head("head", whole.substr(0, bytes)));
    }
    CHECK(!parse_head("head", std::string(256, '\0')));
    CHECK(!parse_head("head", "{}"));
}

}  // namespace rehome::cutover::testing
