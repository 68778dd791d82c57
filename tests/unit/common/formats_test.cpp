// The list of formats, and which command line prints which.
#include "common/formats/formats.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/json/path.h"
#include "tests/unit/fits.h"

namespace rehome {

namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

// Every object that is described refuses unknown keys, or says of what kind they are.
void check_closed(const json& schema, const std::string& at) {
    if (schema.is_object() && schema.contains("properties") && schema.contains("type")) {
        CHECK_MESSAGE(schema.contains("additionalProperties"), at);
    }
    if (schema.is_structured()) {
        for (const auto& [key, below] : schema.items()) {
            check_closed(below, pointer_to(at, key));
        }
    }
}

}  // namespace

TEST_CASE("every schema is in the list, under its name") {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator("common/formats")) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".schema.json")) {
            files.insert(name.substr(0, name.find('.')));
        }
    }
    std::set<std::string> listed;
    for (const Format& format : formats()) {
        const std::string name(format.name);
        CAPTURE(name);
        listed.insert(name);
        const json schema = json::parse(format.schema);
        // Of version 1, but for these.
        static const std::map<std::string, int> versions{{"journal", 3}, {"bird", 2}, {"probe", 2}};
        const int version = versions.contains(name) ? versions.at(name) : 1;
        const std::string title = "rehome/" + name + "/" + std::to_string(version);
        CHECK(schema.value("title", "") == title);
        CHECK(schema.value("description", "").ends_with("."));
        CHECK(misfits(name, "{}") != "");  // it compiles, and can say no
        check_closed(schema, name);
        if (const json* own = schema_below(schema, &schema, "schema")) {
            CHECK(own->value("const", title) == title);
        }
    }
    CHECK(files == listed);
    CHECK(find_format("nothing") == nullptr);
}

TEST_CASE("which command line prints which format") {
    struct Case {
        Words argv;
        const char* printed;  // the format, or how the reason begins; nothing: not ours
    };
    const Case cases[] = {
        {{"vipctl", "status", "--json"}, "vipd-status"},
        {{"vipctl", "--socket", "/x", "status", "--json"}, "vipd-status"},
        {{"vipctl", "--socket=/x", "--json", "status"}, "vipd-status"},
        {{"vipctl", "--socket", "status", "config", "--json"}, "vipd"},
        {{"vipctl", "config", "--origins", "--json"}, "vipd-origins"},
        {{"/usr/bin/vipctl", "status", "--json"}, "vipd-status"},
        {{"cutover", "status", "--journal", "login", "--json"}, "cutover-status"},
        {{"cutover", "login", "status", "--dir", "report", "--json"}, "login-summary"},
        {{"cutover", "login", "report", "--json", "--dir", "x"}, "login-report"},
        {{"probe", "compare", "a", "b", "--json"}, "probe-compare"},
        {{"lbsync", "verify", "--inventory", "i", "--json"}, "lbsync-plan"},
        {{"vipctl", "status"}, "vipctl status prints no JSON, expected --json with it"},
        {{"vipctl", "--socket", "status"}, "vipctl prints no JSON, expected one of vipctl "},
        {{"vipctl"}, "vipctl prints no JSON, expected one of vipctl "},
        {{"cutover", "login", "run", "--json"}, "cutover login prints no JSON, expected one of "},
        {{"cutover", "run", "--json"}, "cutover run prints a document a line, expected one as a "},
        {{"lbsync", "put", "--json"}, "lbsync put prints no JSON, expected one of lbsync apply, "},
        {{"cat", "vipctl", "status", "--json"}, nullptr},
        {{"sudo", "vipctl", "status", "--json"}, nullptr},
        {{"vipctl2", "status", "--json"}, nullptr},
        {{""}, nullptr},
        {{}, nullptr},
    };
    for (const Case& one : cases) {
        CAPTURE(one.argv.size() > 1 ? one.argv[1] : "");
        const PrintedFormat printed = printed_by(one.argv);
        CHECK(printed.ours == (one.printed != nullptr));
        if (printed.format != nullptr) {
            CHECK(printed.format->name == one.printed);
        } else if (one.printed != nullptr) {
            CHECK_MESSAGE(printed.why.starts_with(one.printed), printed.why);
        }
    }
}

TEST_CASE("a schema, followed") {
    const json root = json::parse(R"({
      "definitions": {"n": {"type": "integer"}, "form": {"properties": {"b": {"enum": ["x", 1]}}}},
      "properties": {"a": {"$ref": "#/definitions/n"}, "list": {"items": {"$ref": "#/definitions/n"}},
                     "either": {"oneOf": [{"type": "boolean"}, {"type": ["string", "null"]}]},
                     "any": {}, "map": {"type": "object", "additionalProperties": {"const": true}}},
      "allOf": [{"$ref": "#/definitions/form"}]})");
    const auto below = [&root](const std::string& key) {
        return resolved_schema(root, schema_below(root, &root, key));
    };
    CHECK(schema_keys(root, &root) ==
          std::set<std::string>{"a", "any", "b", "either", "list", "map"});
    struct Case {
        const char* key;
        const char* types;  // that may stand there, in the order of the list below
    };
    const Case cases[] = {{"a", "number"},
                          {"b", "string number"},
                          {"either", "string boolean"},
                          {"any", "object array string number boolean"},
                          {"map", "object"}};
    for (const Case& one : cases) {
        CAPTURE(one.key);
        std::string types;
        for (const char* type : {"object", "array", "string", "number", "boolean"}) {
            types += schema_allows(root, below(one.key), type)
                         ? std::string(types.empty() ? "" : " ") + type
                         : "";
        }
        CHECK(types == one.types);
    }
    CHECK(schema_below(root, &root, "c") == nullptr);
    CHECK(resolved_schema(root, schema_below(root, below("list"), "7")) == below("a"));
    CHECK(schema_below(root, below("list"), "x") == nullptr);
    CHECK(schema_below(root, below("map"), "whatever") != nullptr);
    CHECK(schema_below(root, nullptr, "a") == nullptr);
}

}  // namespace rehome
