// Clock, host names and quoting: small text forms, and the laws that tie them to values.
#include <doctest/doctest.h>

#include <random>

#include "common/child.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/host.h"

namespace rehome {
namespace {

using namespace std::string_view_literals;

TEST_CASE("times that are taken") {
    const struct {
        std::string text;
        UnixMicros time;
    } cases[] = {
        {"1970-01-01T00:00:00.000000Z", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.5Z", 500'000},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2000-02-29T12:00:00Z", 951'825'600'000'000},
        {"2026-05-04T03:02:01.000123Z", 1'777'863'721'000'123},
        {"0000-01-01T00:00:00Z", -62'167'219'200'000'000},
        {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999},
    };
    for (const auto& row : cases) {
        CAPTURE(row.text);
        CHECK(parse_iso8601(row.text).value() == row.time);
    }
}

TEST_CASE("times that are refused") {
    for (const std::string_view text : {""sv,
                                        "Z"sv,
                                        "2026-05-04"sv,
                                        "2026-05-04T03:02:01"sv,
                                        "2026-05-04T03:02:01.Z"sv,
                                        "2026-05-04T03:02:01.1234567Z"sv,
                                        "2026-05-04 03:02:01Z"sv,
                                        "2026-05-04T03:02:01z"sv,
                                        "2026-05-04T03:02:01+00:00"sv,
                                        "2026-02-29T00:00:00Z"sv,
                                        "2026-13-01T00:00:00Z"sv,
                                        "2026-00-01T00:00:00Z"sv,
                                        "2026-05-00T00:00:00Z"sv,
                                        "2026-05-32T00:00:00Z"sv,
                                        "2026-05-04T24:00:00Z"sv,
                                        "2026-05-04T23:60:00Z"sv,
                                        "2026-05-04T23:59:60Z"sv,
                                        "26-05-04T03:02:01Z"sv,
                                        "2026-5-4T03:02:01Z"sv,
                                        "-026-05-04T03:02:01Z"sv,
                                        "2026-05-04T03:02:01ZZ"sv,
                                        " 2026-05-04T03:02:01Z"sv,
                                        "2026-05-04T03:02:01\0Z"sv}) {
        CAPTURE(text);
        CHECK_FALSE(parse_iso8601(text).has_value());
    }
}

TEST_CASE("law: a time's text is parsed to the time, and sorts as the time does") {
    std::mt19937_64 random(3);
    std::uniform_int_distribution<UnixMicros> times(-62'167'219'200'000'000,
                                                    253'402'300'799'999'999);
    for (int i = 0; i < 20'000; ++i) {
        const UnixMicros a = times(random);
        const UnixMicros b = times(random);
        CHECK(parse_iso8601(iso8601(a)).value() == a);
        CHECK((iso8601(a) < iso8601(b)) == (a < b));
    }
    CHECK(iso8601(std::numeric_limits<int64_t>::max()) == "9999-12-31T23:59:59.999999Z");
    CHECK(iso8601(std::numeric_limits<int64_t>::min()) == "0000-01-01T00:00:00.000000Z");
}

TEST_CASE("hosts that are taken, and the commands that reach them") {
    const struct {
        std::string text;
        std::string command;
    } cases[] = {
        {"local", "vipctl status"},
        {"netns:old-gw", "ip netns exec old-gw vipctl status"},
        {"ssh:root@gw1.example.net",
         "ssh -T -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 "
         "-o ServerAliveCountMax=3 root@gw1.example.net -- vipctl status"},
        {"ssh:root@2001:db8::1",
         "ssh -T -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 "
         "-o ServerAliveCountMax=3 root@2001:db8::1 -- vipctl status"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.text);
        const auto host = Host::parse(row.text);
        REQUIRE(host.has_value());
        CHECK(host->text() == row.text);
        CHECK(printable(host->on({"vipctl", "status"})) == row.command);
    }
}

TEST_CASE("hosts that are refused") {
    for (const std::string_view text : {""sv,
                                        "Local"sv,
                                        "local "sv,
                                        "netns:"sv,
                                        "netns:.."sv,
                                        "netns:a/b"sv,
                                        "netns:-n"sv,
                                        "netns:a b"sv,
                                        "netns:a;b"sv,
                                        "ssh:"sv,
                                        "ssh:host"sv,
                                        "ssh:@host"sv,
                                        "ssh:root@"sv,
                                        "ssh:-oProxyCommand=x@host"sv,
                                        "ssh:root@-host"sv,
                                        "ssh:root@host name"sv,
                                        "ssh:a@b@c"sv,
                                        "ssh:root@host\n"sv,
                                        "ssh:$(id)@host"sv,
                                        "root@host"sv,
                                        "netns:a\0b"sv}) {
        CAPTURE(text);
        CHECK_FALSE(Host::parse(text).has_value());
    }
}

// Words with everything that a shell could trip over.
Argv random_words(std::mt19937& random) {
    constexpr std::string_view alphabet = " '\"\\$`!*?[]{}()<>|&;#~\n\tab-=%\x7f\xc3\xa9";
    Argv words(1 + random() % 4);
    for (std::string& word : words) {
        for (auto i = random() % 8; i > 0; --i) {
            word += alphabet[random() % alphabet.size()];
        }
    }
    return words;
}

TEST_CASE("law: a far shell sees exactly the words") {
    std::mt19937 random(4);
    for (int i = 0; i < 100; ++i) {
        const Argv words = random_words(random);
        Argv command{"printf", "%s\\0"};
        command.insert(command.end(), words.begin(), words.end());
        // What sshd does: the words behind "--", joined by spaces, go to the user's shell.
        const Argv ssh = Host::parse("ssh:root@host")->on(command);
        std::string line;
        for (auto word = std::find(ssh.begin(), ssh.end(), "--") + 1; word != ssh.end(); ++word) {
            line += *word + " ";
        }
        std::string expected;
        for (const std::string& word : words) {
            expected += word + '\0';
        }
        CAPTURE(line);
        CHECK(run({"sh", "-c", line})->out == expected);
    }
}

TEST_CASE("text from outside cannot disguise itself in a message") {
    CHECK(in_quotes("abc") == "\"abc\"");
    CHECK(in_quotes("a\"b\\c") == R"("a\"b\\c")");
    CHECK(in_quotes("a\nb\x1b[0m\x7f"sv) == R"("a\x0ab\x1b[0m\x7f")");
    CHECK(in_quotes("nul\0"sv) == R"("nul\x00")");
    CHECK(in_quotes(std::string(61, 'x')) == "\"" + std::string(60, 'x') + "...\"");
}

TEST_CASE("a line that is shown says nothing to the terminal") {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", ""},
        {"drop all", "drop all"},
        {"\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\xa5", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\xa5"},
        {"a\x1b[2Jb\r\n\x7f", "a\\x1b[2Jb\\x0d\\x0a\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},           // CSI as one character
        {"\x9b[31m", "\\x9b[31m"},            // and as a byte, which is no UTF-8
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},  // right-to-left override
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},  // isolate
        {"\xe2\x82", "\\xe2\\x82"},           // cut
        {"\xc0\x80", "\\xc0\\x80"},           // too long a form
        {"\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf"},
    };
    for (const auto& [text, shown] : cases) {
        CHECK(in_one_line(text) == shown);
    }
}

TEST_CASE("an error reads as one line") {
    CHECK(Error{Exit::world, "/run/vipd.sock", "no answer"}.text() == "/run/vipd.sock: no answer");
    CHECK(Error{Exit::world, "", "no answer"}.text() == "no answer");
}

}  // namespace
}  // namespace rehome
