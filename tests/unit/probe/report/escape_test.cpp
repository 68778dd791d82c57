// Names from outside in a report: tables of what they become, and what holds of any bytes.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "probe/report/escape.h"

namespace rehome::probe {
namespace {

TEST_CASE("plain: one line of text that does nothing") {
    struct Row {
        std::string_view text;
        std::string_view shown;
    };
    const Row rows[] = {
        {"red", "red"},
        {"M\xc3\xbcnchen", "M\xc3\xbcnchen"},
        {"two\nlines\ttab", "two\\x0alines\\x09tab"},
        {"\x1b[2Jgone", "\\x1b[2Jgone"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b", "\\x9b"},  // CSI in one character
        {"a\xe2\x80\xae"
         "b",
         "a\\u202eb"},                                 // right-to-left override
        {"\xe2\x81\xa6", "\\u2066"},                   // isolate
        {"\xe2\x80\xa8", "\\u2028"},                   // line separator
        {"\xff\xfe", "\\xff\\xfe"},                    // no UTF-8
        {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
        {"\xe2\x82", "\\xe2\\x82"},                    // cut short
        {"\xf0\x9f\x93\xa1", "\xf0\x9f\x93\xa1"},
        {"", ""},
    };
    for (const Row& row : rows) {
        CHECK(plain(row.text) == row.shown);
    }
    CHECK(plain(std::string_view("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("in_html: no markup, no way out of an attribute") {
    CHECK(in_html("<script>alert('1 & \"2\"')</script>") ==
          "&lt;script&gt;alert(&#39;1 &amp; &quot;2&quot;&#39;)&lt;/script&gt;");
}

TEST_CASE("in_csv: no formula, one field") {
    struct Row {
        std::string_view text;
        std::string_view field;
    };
    const Row rows[] = {
        {"red", "red"},
        {"red,green", "\"red,green\""},
        {"a \"b\"", "\"a \"\"b\"\"\""},
        {"=HYPERLINK(1)", "\"'=HYPERLINK(1)\""},
        {"+1", "\"'+1\""},
        {"-1", "\"'-1\""},
        {"@SUM", "\"'@SUM\""},
        {"a=b", "a=b"},
        {"a\r\nb", "a\\x0d\\x0ab"},
        {"", ""},
    };
    for (const Row& row : rows) {
        CHECK(in_csv(row.text) == row.field);
    }
}

TEST_CASE("in_file_name: nothing that leads elsewhere") {
    CHECK(in_file_name("red-1") == "red-1");
    CHECK(in_file_name("../../etc/passwd") == "______etc_passwd");
    CHECK(in_file_name(std::string(100, 'x')).size() == 40);
}

bool is_printable(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<uint8_t>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

// What a reader of CSV makes of one field.
std::string read_field(const std::string& field) {
    if (field.empty() || field.front() != '"') {
        return field;
    }
    std::string text;
    for (size_t i = 1; i + 1 < field.size(); ++i) {
        text += field[i];
        i += field[i] == '"' ? 1 : 0;
    }
    return text;
}

TEST_CASE("of any bytes") {
    CHECK(rc::check("plain text is printable, and plain already", [](const std::string& text) {
        const std::string shown = plain(text);
        RC_ASSERT(is_printable(shown));
        RC_ASSERT(plain(shown) == shown);
    }));
    CHECK(rc::check("HTML has no character that means something", [](const std::string& text) {
        RC_ASSERT(in_html(text).find_first_of("<>\"'") == std::string::npos);
    }));
    CHECK(rc::check("a field reads back as the text, and no formula", [](const std::string& text) {
        const std::string field = in_csv(text);
        const std::string read = read_field(field);
        RC_ASSERT(read == plain(text) || read == "'" + plain(text));
        RC_ASSERT(read.empty() || std::string("=+-@\t\r").find(read.front()) == std::string::npos);
        RC_ASSERT(field == read || field.front() == '"');
    }));
}

}  // namespace
}  // namespace rehome::probe
