// Text in a terminal's lines.
#include "cutover/run/lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

namespace rehome::cutover::testing {

TEST_CASE("wrapped text keeps every word") {
    struct Case {
        const char* what;
        const char* text;
        const char* lines;
    };
    const Case cases[] = {
        {"short", "as it is", "as it is"},
        {"at spaces", "the gate did not pass within 20 s", "the gate did not\n  pass within 20 s"},
        {"a word that fits nowhere", "/a/very/long/pointer/of/a/figure 3",
         "/a/very/long/pointe\n  r/of/a/figure 3"},
        {"umlauts are one column", "Prüfüng der Fläche im Süden", "Prüfüng der Fläche\n  im Süden"},
        {"what drives terminals", "a\x1b[2Jb\nc", "a [2Jb c"},
        {"nothing", "", ""},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(wrapped(one.text, 19, 2) == one.lines);
    }
}

TEST_CASE("whatever the width: no line is wider, and nothing but spaces is lost") {
    const std::string text =
        "carrier red/compare at red: /carriers/red/loss 0.0312 +0.0310 since relay 1 %/share, max "
        "0.03; Prüfüng: /a/very/long/pointer/into/something/that/nobody/breaks 17, max 3";
    const auto without_spaces = [](std::string some) {
        std::erase_if(some, [](char c) { return c == ' ' || c == '\n'; });
        return some;
    };
    for (size_t width = 15; width < 200; ++width) {
        CAPTURE(width);
        const std::string broken = wrapped(text, width, 4);
        CHECK(without_spaces(broken) == without_spaces(text));
        std::istringstream lines(broken);
        for (std::string line; std::getline(lines, line);) {
            CHECK(one_line(line, width) == line);
        }
    }
}

TEST_CASE("one line is cut between characters") {
    CHECK(one_line("Süden", 2) == "Sü");
    CHECK(one_line("ab", 2) == "ab");
    CHECK(one_line("a\nb", 80) == "a b");
}

}  // namespace rehome::cutover::testing
