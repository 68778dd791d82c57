// JSON files: each mistake on its line, bounds against hostile files, replacement of files.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/json/view.h"

namespace rehome {
namespace {

using namespace std::string_view_literals;
using nlohmann::json;

constexpr std::string_view schema = R"({
  "type": "object", "additionalProperties": false, "required": ["schema", "port"],
  "properties": {
    "schema": {"const": "rehome/test/1"},
    "port": {"$ref": "#/definitions/port"},
    "weight": {"type": "integer", "minimum": 0},
    "share": {"type": "number", "maximum": 100},
    "on": {"type": "boolean"},
    "mode": {"enum": ["fast", "slow", 3]},
    "name": {"type": "string", "pattern": "^[a-z]+$", "examples": ["red"]},
    "tag": {"type": "string", "minLength": 1, "maxLength": 4},
    "word": {"type": "string", "pattern": "^w"},
    "ports": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/definitions/port"}},
    "pair": {"type": "array", "minItems": 2, "maxItems": 2},
    "step": {
      "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
      "properties": {"send": {"type": "string"}, "expect": {"type": "string"}}
    },
    "map": {"type": "object", "additionalProperties": {"$ref": "#/definitions/port"}},
    "either": {"oneOf": [{"$ref": "#/definitions/a"}, {"$ref": "#/definitions/b"}]}
  },
  "definitions": {
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "a": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "integer"}}},
    "b": {"type": "object", "additionalProperties": false, "properties": {"b": {"type": "boolean"}}}
  }
})";

// Every mistake of the text, a line each.
std::string mistakes_of(std::string_view text) {
    std::string lines;
    const auto result = parse_json("f", text, schema);
    if (!result) {
        REQUIRE_FALSE(result.error().empty());
        for (const Error& error : result.error()) {
            CHECK(error.kind == Exit::usage);
            lines += error.text() + "\n";
        }
    }
    return lines;
}

// A whole document with that member.
std::string with(const std::string& member) {
    return R"({"schema": "rehome/test/1", "port": 1, )" + member + "}";
}

TEST_CASE("documents that are taken") {
    for (const std::string& text : {
             with(R"("weight": 0)"),
             with(R"("weight": 9223372036854775807)"),
             with(R"("share": 12.5)"),
             with(R"("share": -1)"),
             with(R"("on": true)"),
             with(R"("mode": 3)"),
             with(R"("name": "blue")"),
             with(R"("tag": "éüøå")"),
             with(R"("ports": [1, 65535])"),
             with(R"("step": {"send": "x"})"),
             with(R"("map": {"a/b": 1, "": 2})"),
             with(R"("either": {"b": true})"),
             "\xef\xbb\xbf" + with(R"("on": false)"),
             "\n\t " + with(R"("on": false)") + "\r\n",
         }) {
        CAPTURE(text);
        CHECK(mistakes_of(text) == "");
    }
}

TEST_CASE("what the schema refuses, worded for a person") {
    const struct {
        std::string member;
        std::string lines;
    } cases[] = {
        {R"("port": 0)", "f: /port: is 0, expected an integer from 1 to 65535\n"},
        {R"("port": 65536)", "f: /port: is 65536, expected an integer from 1 to 65535\n"},
        {R"("port": "80")", "f: /port: is \"80\", expected an integer from 1 to 65535\n"},
        {R"("port": 80.0)", "f: /port: is 80.0, expected an integer from 1 to 65535\n"},
        {R"("port": null)", "f: /port: is null, expected an integer from 1 to 65535\n"},
        {R"("port": 18446744073709551615)",
         "f: /port: is 18446744073709551615, expected an integer from 1 to 65535\n"},
        {R"("weight": -1)", "f: /weight: is -1, expected an integer of at least 0\n"},
        {R"("share": 100.5)", "f: /share: is 100.5, expected a number of at most 100\n"},
        {R"("on": 1)", "f: /on: is 1, expected true or false\n"},
        {R"("mode": "FAST")", "f: /mode: is \"FAST\", expected one of \"fast\", \"slow\", 3\n"},
        {R"("name": "RED")", "f: /name: is \"RED\", expected a string such as \"red\"\n"},
        {R"("name": {})", "f: /name: is an object, expected a string such as \"red\"\n"},
        {R"("tag": "")", "f: /tag: is \"\", expected a string of 1 to 4 characters\n"},
        {R"("word": "x")", "f: /word: is \"x\", expected a string that matches ^w\n"},
        {R"("ports": [])", "f: /ports: is a list of 0 items, expected a list of 1 to 2 items\n"},
        {R"("ports": [0, 1])", "f: /ports/0: is 0, expected an integer from 1 to 65535\n"},
        {R"("pair": [0])", "f: /pair: is a list of 1 items, expected a list of exactly 2 items\n"},
        {R"("step": {})",
         "f: /step: is an object, expected an object with one of the keys expect, send\n"},
        {R"("step": {"sent": "x"})", "f: /step/sent: unknown key, expected one of expect, send\n"},
        {R"("map": {"a/b~": 0})", "f: /map/a~1b~0: is 0, expected an integer from 1 to 65535\n"},
        {R"("schema": "rehome/test/2")",
         "f: /schema: is \"rehome/test/2\", expected \"rehome/test/1\"\n"},
        {R"("map": {"a\nb": 0})", "f: /map/a\\x0ab: is 0, expected an integer from 1 to 65535\n"},
        {R"("name": "a\u001b[0m")",
         "f: /name: is \"a\\x1b[0m\", expected a string such as \"red\"\n"},
    };
    for (const auto& row : cases) {
        CAPTURE(row.member);
        json document = json::parse(with(R"("on": true)"));
        document.update(json::parse("{" + std::string(row.member) + "}"));
        CHECK(mistakes_of(document.dump()) == row.lines);
    }
}

TEST_CASE("all mistakes of a file in one run") {
    CHECK(mistakes_of(R"({"weight": -1, "extra": 1, "more": {}, "ports": [0, "x"]})") ==
          "f: /ports/0: is 0, expected an integer from 1 to 65535\n"
          "f: /ports/1: is \"x\", expected an integer from 1 to 65535\n"
          "f: /weight: is -1, expected an integer of at least 0\n"
          "f: /extra: unknown key, expected one of either, map, mode, name, on, pair, port, ports, "
          "schema, share, step, tag, weight, word\n"
          "f: /more: unknown key, expected one of either, map, mode, name, on, pair, port, ports, "
          "schema, share, step, tag, weight, word\n"
          "f: /port: is missing, expected an integer from 1 to 65535\n"
          "f: /schema: is missing, expected \"rehome/test/1\"\n");
}

TEST_CASE("a mistake in one of several forms is told where it lies") {
    const std::string lines = mistakes_of(with(R"("either": {"b": 1})"));
    CHECK(lines.find("f: /either/b: is 1, expected true or false\n") != std::string::npos);
}

TEST_CASE("duplicate keys, at any depth") {
    CHECK(mistakes_of(with(R"("on": true, "on": true)")) ==
          "f: /on: the key stands here more than once, expected one value\n");
    CHECK(mistakes_of(with(R"("map": {"x": 1, "y": 2, "x": 3})")) ==
          "f: /map/x: the key stands here more than once, expected one value\n");
    CHECK(mistakes_of(with(R"("pair": [{"k": 1}, {"k": 1, "k": 2}])")) ==
          "f: /pair/1/k: the key stands here more than once, expected one value\n");
}

TEST_CASE("what is no JSON is told with its place") {
    const struct {
        std::string_view text;
        std::string_view begins;
    } cases[] = {
        {"", "f: line 1, column "},
        {" ", "f: line 1, column "},
        {"{", "f: line 1, column "},
        {"{\n  \"a\": 1,\n}", "f: line 3, column 1: is no JSON: "},
        {"[1, 2", "f: line 1, column "},
        {"{'a': 1}", "f: line 1, column 2: is no JSON: "},
        {"{\"a\": nul}", "f: line 1, column "},
        {"{\"a\": 01}", "f: line 1, column "},
        {"{\"a\": 1} x", "f: line 1, column "},
        {"{\"a\": 1} // why", "f: line 1, column "},
        {"{\"a\": NaN}", "f: line 1, column "},
        {"{\"a\": 1e999}", "f: line 1, column "},
        {"{\"a\": \"\n\"}", "f: line "},
        {"{\"a\": \"\xff\"}", "f: line 1, column "},
        {"{\"a\": \"\xc0\xaf\"}", "f: line 1, column "},
        {"{\"a\": \"\xed\xa0\x80\"}", "f: line 1, column "},
        {"{\"a\": \"\\ud800\"}", "f: line 1, column "},
        {"{\"a\": \"\0\"}"sv, "f: line 1, column "},
        {"\0"sv, "f: line 1, column "},
        {"{\"a\": 1}\0"sv, "f: line 1, column "},
        {"\xff\xfe{\0}\0"sv, "f: line 1, column "},
    };
    for (const auto& row : cases) {
        CAPTURE(row.text);
        const std::string lines = mistakes_of(row.text);
        CHECK(lines.starts_with(row.begins));
        CHECK(lines.find("expected") != std::string::npos);
        CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
        CHECK(std::all_of(lines.begin(), lines.end() - 1,
                          [](char c) { return c >= ' ' && c < 127; }));
    }
}

std::string nested(size_t depth) {
    std::string text = with("\"pair\": [0, ");
    text.pop_back();
    return text + std::string(depth, '[') + std::string(depth, ']') + "]}";
}

TEST_CASE("hostile sizes are errors, not crashes") {
    CHECK(mistakes_of(nested(62)) == "");
    CHECK(mistakes_of(nested(63)).find("is nested more than 64 deep") != std::string::npos);
    CHECK(mistakes_of(nested(5'000'000)).find("is nested more than 64 deep") != std::string::npos);
    CHECK(mistakes_of(std::string(5'000'000, '[')).find("is nested more than 64") !=
          std::string::npos);
    CHECK(mistakes_of(std::string(5'000'000, '{')).find("is no JSON") != std::string::npos);
    const std::string matched(1'024, 'a');
    CHECK(mistakes_of(with("\"name\": \"" + matched + "\"")) == "");
    CHECK(mistakes_of(with("\"name\": \"" + matched + "a\"")) ==
          "f: /name: is a string of 1025 bytes, expected at most 1024\n");
    const std::string longest(8'192, 'a');
    CHECK(mistakes_of(with("\"step\": {\"send\": \"" + longest + "\"}")) == "");
    CHECK(mistakes_of(with("\"step\": {\"send\": \"" + longest + "a\"}")) ==
          "f: /step/send: is a string of 8193 bytes, expected at most 8192\n");
    CHECK(mistakes_of("{\"" + longest + "a\": 1}").size() < 400);
    CHECK(mistakes_of(with(R"("word": "w\u0000")")) ==
          "f: /word: holds a NUL character, expected text without\n");
    CHECK(mistakes_of(with(R"("wo\u0000rd": 1)")).find("holds a NUL") != std::string::npos);
}

TEST_CASE("documents of another shape") {
    for (const char* text : {"null", "1", "\"x\"", "[]", "true", "-0.0"}) {
        CAPTURE(text);
        CHECK(mistakes_of(text).find("expected an object") != std::string::npos);
    }
}

TEST_CASE("pointers are escaped as RFC 6901 says") {
    CHECK(pointer_to("", "a") == "/a");
    CHECK(pointer_to("/a", "m~n/o") == "/a/m~0n~1o");
    CHECK(pointer_to("/a", "") == "/a/");
    CHECK(pointer_to("/a", 7) == "/a/7");
    for (const std::string key : {"", "a", "~", "/", "~1", "~0", "a/b~c", " "}) {
        CHECK(json::json_pointer(pointer_to("", key)).back() == key);
    }
}

TEST_CASE("a mistake covers what lies in its value, and stands once") {
    Mistakes mistakes("f");
    mistakes.add("/a/b", "wrong");
    mistakes.add("/a/b", "wrong");
    CHECK(mistakes.has("/a/b"));
    CHECK(mistakes.has("/a/b/c/0"));
    CHECK_FALSE(mistakes.has("/a"));
    CHECK_FALSE(mistakes.has("/a/bc"));
    CHECK_FALSE(mistakes.has(""));
    CHECK(mistakes.take().size() == 1);
}

TEST_CASE("a view reads what is there and passes over what is not") {
    const json document = json::parse(R"({"n": 7, "big": 4294967296, "minus": -1, "t": "text",
                                          "f": true, "l": [1, "x"], "o": {"a/b": 3}})");
    Mistakes mistakes("f");
    const JsonView view(document, mistakes);
    CHECK(view["n"].number() == 7);
    CHECK(view["big"].number(5) == 5);
    CHECK(view["minus"].number(5) == 5);
    CHECK(view["t"].number(5) == 5);
    CHECK(view["t"].text() == "text");
    CHECK(view["n"].text("none") == "none");
    CHECK(view["f"].flag());
    CHECK(view["n"].flag(true));
    CHECK(view["l"].items().at(1).pointer() == "/l/1");
    CHECK(view["o"]["a/b"].pointer() == "/o/a~1b");
    CHECK(view["o"]["a/b"].number() == 3);
    CHECK_FALSE(view["no"]["such"]["key"].exists());
    CHECK(view["n"].items().empty());
    CHECK(view["n"]["x"].text("none") == "none");
    CHECK(mistakes.none());
}

TEST_CASE("a file is replaced whole, and keeps its mode") {
    std::string folder = "/tmp/rehome-json-test.XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/file";
    REQUIRE(write_file_atomically(path, "one").has_value());
    struct stat status {};
    CHECK(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0644);
    CHECK(chmod(path.c_str(), 0600) == 0);
    REQUIRE(write_file_atomically(path, std::string("two\0", 4)).has_value());
    CHECK(read_file(path).value() == std::string("two\0", 4));
    CHECK(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK_FALSE(write_file_atomically(folder + "/no/file", "x").has_value());
    CHECK(mkdir((folder + "/folder").c_str(), 0755) == 0);
    CHECK_FALSE(write_file_atomically(folder + "/folder", "x").has_value());
    const auto entries = std::filesystem::directory_iterator(folder);
    CHECK(std::distance(begin(entries), end(entries)) == 2);  // no temporary is left
    std::filesystem::remove_all(folder);
}

TEST_CASE("a file that is replaced keeps its owner, and a link its place") {
    std::string folder = "/tmp/rehome-json-test.XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string file = folder + "/file";
    const std::string link = folder + "/link";
    REQUIRE(write_file_atomically(file, "one").has_value());
    CHECK(symlink("file", link.c_str()) == 0);
    const bool may_give = chown(file.c_str(), 65534, 65534) == 0;  // root, as on gateways
    CHECK(chmod(file.c_str(), 0640) == 0);
    REQUIRE(write_file_atomically(link, "two").has_value());
    CHECK(std::filesystem::read_symlink(link) == "file");
    CHECK(read_file(file).value() == "two");
    struct stat status {};
    CHECK(stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(status.st_uid == (may_give ? 65534 : getuid()));
    CHECK(status.st_gid == (may_give ? 65534 : getgid()));

    std::filesystem::remove(file);
    CHECK(write_file_atomically(link, "three").error().what ==
          "is a symbolic link that leads nowhere: No such file or directory");
    CHECK(std::filesystem::is_symlink(link));
    std::filesystem::remove_all(folder);
}

TEST_CASE("files that are refused") {
    std::string folder = "/tmp/rehome-json-test.XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string fifo = folder + "/fifo";
    CHECK(mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(read_file(fifo).error().what == "is no regular file");
    CHECK(read_file(folder).error().what == "is no regular file");
    CHECK(read_file(folder + "/none").error().text() ==
          folder + "/none: cannot be read: No such file or directory");
    REQUIRE(write_file_atomically(folder + "/long", std::string(101, ' ')).has_value());
    CHECK(read_file(folder + "/long", 101).has_value());
    CHECK(read_file(folder + "/long", 100).error().what ==
          "is too long, expected at most 100 bytes");
    CHECK(read_json(folder + "/none", schema).error().front().kind == Exit::usage);
    CHECK(read_file("/dev/zero").error().what == "is no regular file");
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace rehome
