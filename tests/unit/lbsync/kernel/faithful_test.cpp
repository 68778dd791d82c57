// What a host's lbsync has read, at home: kept whole, doubted where text and kernel part ways.
#include "lbsync/kernel/faithful.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace rehome::lbsync::kernel {

namespace {

using nlohmann::json;

const json good = json::parse(R"({
 "schema": "rehome/lbsync-kernel/1", "generation": 7, "byte_order": "little",
 "interfaces": {"1": "lo"}, "text": "", "json": "",
 "hooks": [{"family": "ip", "hook": 1, "device": "",
            "chains": [{"family": "inet", "table": "t", "chain": "c"}]}],
 "tables": [{"family": "inet", "name": "t", "objects": [], "flowtables": [],
   "sets": [{"name": "s", "flags": 0, "key_len": 2, "elements": [{"key": {"value": "0016"}}]}],
   "chains": [{"name": "c", "policy": 1, "hook": {"hooknum": 1, "priority": 4294967295},
     "rules": [{"handle": 4, "expressions": [{"meta": {"key": 16, "dreg": 1}},
       {"cmp": {"sreg": 1, "op": 0, "data": {"value": "06"}}},
       {"immediate": {"dreg": 0, "data": {"verdict": {"code": 4294967293, "chain": "x"}}}}]}]}]}]})");

// What was read, whose text becomes the same again, each edited by a JSON patch.
json read_with(const std::string& patch = "[]", const std::string& patch_again = "[]") {
    json document = good.patch(json::parse(patch));
    json again = good;
    for (const char* key : {"schema", "text", "json", "hooks"}) {
        again.erase(key);
    }
    again["not_reloaded"] = json::object();
    again["raw"] = json::object();
    document["reloaded"] = again.patch(json::parse(patch_again));
    return document;
}

HostRead parsed(const json& document) {
    auto read = parse_host_read(document.dump(), "host");
    REQUIRE_MESSAGE(read.has_value(), read.error().text());
    return *read;
}

std::string told(const json& document) {
    std::string text;
    for (const Doubt& doubt :
         doubts(parsed(document), "host", [](std::string_view name) { return name == "mine"; })) {
        text += doubt.where + ": " + doubt.what + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("what is printed reads as it was") {
    const HostRead read = parsed(read_with());
    const HostRead again = parsed(json::parse(to_json(read).dump()));
    CHECK(again.ruleset == read.ruleset);
    CHECK(again.reloaded == read.reloaded);
    CHECK(read.ruleset.hooks->front().chains.front().chain == "c");
    CHECK(told(read_with()).empty());
}

TEST_CASE("a text that becomes another rule set is doubted where it does") {
    const std::string rule = "/tables/0/chains/0/rules/0";
    const std::pair<std::string, std::string> cases[] = {
        {R"([{"op":"replace","path":")" + rule + R"(/expressions/1/cmp/op","value":1}])",
         "host: table inet t: chain c: handle 4: nft's text is another rule than the kernel's"},
        {R"([{"op":"remove","path":")" + rule + R"("}])",
         "host: table inet t: chain c: 1 rules in the kernel, 0 in nft's text loaded again"},
        {R"([{"op":"replace","path":"/tables/0/chains/0/hook/priority","value":0}])",
         "host: table inet t: chain c: nft's text of it, loaded again, becomes"},
        {R"([{"op":"replace","path":"/tables/0/sets/0/flags","value":4}])",
         "host: table inet t: set s: nft's text of it, loaded again, becomes"},
        {R"([{"op":"remove","path":"/tables/0"}])", "loaded again, is gone afterwards"},
        {R"([{"op":"add","path":"/not_reloaded/inet t","value":"Error: no"}])",
         "host: table inet t: nft's own text of it cannot be loaded again: Error: no"},
    };
    for (const auto& [patch, words] : cases) {
        CAPTURE(words);
        CHECK_MESSAGE(told(read_with("[]", patch)).find(words) != std::string::npos,
                      told(read_with("[]", patch)));
    }
}

TEST_CASE(
    "what is unknown, there or here, is doubted; the elements' order and others' tables not") {
    const std::pair<std::string, std::string> cases[] = {
        {R"([{"op":"add","path":"/tables/0/chains/0/rules/0/unknown","value":["expression inner"]}])",
         "handle 4: the kernel tells what this lbsync does not know: expression inner"},
        {R"([{"op":"add","path":"/tables/0/sets/0/newer","value":1}])",
         "set s: the kernel tells what this lbsync does not know: set: attribute \"newer\""},
        {R"([{"op":"add","path":"/tables/0/chains/0/rules/0/expressions/-","value":{"inner":{}}}])",
         "does not know: expression inner"},
    };
    for (const auto& [patch, words] : cases) {
        CAPTURE(words);
        CHECK_MESSAGE(told(read_with(patch)).find(words) != std::string::npos,
                      told(read_with(patch)));
    }
    CHECK(told(read_with(R"([{"op":"replace","path":"/tables/0/name","value":"mine"}])")).empty());
}

TEST_CASE("what is no reading is refused in a sentence") {
    const std::pair<std::string, std::string> cases[] = {
        {"", "is its lbsync of another version?"},
        {"{}", "is its lbsync of another version?"},
        {R"({"schema":"rehome/lbsync-kernel/9"})",
         "it prints \"rehome/lbsync-kernel/9\", expected"},
        {R"({"schema":"rehome/lbsync-kernel/1"})", "\"generation\" is wrong, expected a number"},
        {read_with(R"([{"op":"replace","path":"/byte_order","value":"pdp"}])").dump(),
         "\"byte_order\" is wrong, expected little or big"},
        {read_with(
             R"([{"op":"replace","path":"/tables/0/sets/0/elements/0/key/value","value":"0"}])")
             .dump(),
         "expected hexadecimal digits"},
    };
    for (const auto& [text, words] : cases) {
        CAPTURE(words);
        const auto read = parse_host_read(text, "host");
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().kind == Exit::unknown);
        CHECK_MESSAGE(read.error().text().find(words) != std::string::npos, read.error().text());
    }
}

}  // namespace rehome::lbsync::kernel
