// Requests to vipd's control socket: what is taken, and a longer table of what is refused, with
// what is said of it.
#include "common/control_request.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace rehome;
using nlohmann::json;

namespace {

std::string refusal(const json& request) {
    return wrong_request("request", request);
}

}  // namespace

TEST_CASE("requests that are taken") {
    for (
        const char* text : {
            R"({"command":"status"})",
            R"({"command":"share"})",
            R"({"command":"share","percent":0})",
            R"({"command":"share","percent":33.33})",
            R"({"command":"share","percent":0.07})",
            R"({"command":"share","percent":2.5,"by":"address-port"})",
            R"({"command":"mask","level":"line","name":"red","anyway":true})",
            R"({"command":"weak","level":"service","name":"meters","rate":0.5,"icmp":true})",
            R"({"command":"strong","level":"server","name":"web/s1"})",
            R"({"command":"enable","level":"site","name":"old"})",
            R"({"command":"sites"})",
            R"({"command":"sites-prepare","order":{"command":"mask","level":"site","name":"old"}})",
            R"({"command":"sites-commit","digest":"0123456789abcdef"})",
            R"({"command":"why","packet":"tcp 192.0.2.1:1 > 192.0.2.2:80 syn"})",
            R"({"command":"flows","client":"192.0.2.0/24","limit":1,"count":true,"place":281474976710656})",
            R"({"command":"top","by":"vip","fresh":true})",
            R"({"command":"capture","snap":262144,"direction":"both"})",
            R"({"command":"capture-read","id":1})",
        }) {
        CAPTURE(text);
        CHECK(refusal(json::parse(text)) == "");
    }
}

TEST_CASE("requests that are refused") {
    const struct {
        const char* text;
        const char* says;
    } cases[] = {
        {R"({"command":"share","percent":null})",
         "request: /percent: is null, expected a number from 0 to 100"},
        {R"({"command":"share","percent":"nan"})",
         "request: /percent: is \"nan\", expected a number from 0 to 100"},
        {R"({"command":"share","percent":100.01})",
         "request: /percent: is 100.01, expected a number from 0 to 100"},
        {R"({"command":"share","percent":0.001})",
         "request: /percent: is 0.001, expected a multiple of 0.01"},
        {R"({"command":"share","percent":-1,"by":"colour"})",
         "request: /by: is \"colour\", expected one of \"address\", \"address-port\"\n"
         "request: /percent: is -1, expected a number from 0 to 100"},
        {R"({"command":"share","per_cent":1})",
         "request: /per_cent: unknown key, expected one of break-maps, by, command, percent"},
        {R"({"command":"mask","level":"rack","name":"red"})",
         "request: /level: is \"rack\", expected one of \"server\", \"service\", \"line\", "
         "\"site\""},
        {R"({"command":"weak","level":"site","name":"old","rate":1e-300,"quiet_s":-1})",
         "request: /quiet_s: is -1, expected a number from 0 to 86400\n"
         "request: /rate: is 1e-300, expected a number from 0.001 to 1000000"},
        {R"({"command":"weak","level":"site","name":"old"})",
         "request: /rate: is missing, expected a number from 0.001 to 1000000"},
        {R"({"command":"sites-prepare"})", "request: /order: is missing, expected an object"},
        {R"({"command":"sites-prepare","order":{"command":"reload","level":"line"}})",
         "request: /order/command: is \"reload\", expected one of \"mask\", \"weak\", "
         "\"strong\", \"enable\"\n"
         "request: /order/level: is \"line\", expected \"site\""},
        {R"({"command":"sites-commit"})", "request: /digest: is missing, expected a string"},
        {R"({"command":"flows","limit":0})",
         "request: /limit: is 0, expected an integer of at least 1"},
        {R"({"command":"flows","limit":-1})",
         "request: /limit: is -1, expected an integer of at least 1"},
        {R"({"command":"flows","limit":1.5})",
         "request: /limit: is 1.5, expected an integer of at least 1"},
        {R"({"command":"capture","count":0})",
         "request: /count: is 0, expected an integer of at least 1"},
        {R"({"command":"capture-read"})",
         "request: /id: is missing, expected an integer of at least 1"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(refusal(json::parse(c.text)) == c.says);
    }
}

TEST_CASE("a command that there is not is refused with those that there are") {
    std::string known;
    for (const auto& command : control_commands()) {
        known += (known.empty() ? "" : ", ") + command;
    }
    CHECK(refusal({{"command", "reboot"}}) ==
          "request: /command: \"reboot\" is unknown, expected one of " + known);
    for (const json& request : {json::object(), json{{"command", 1}}, json("status"), json()}) {
        CHECK(refusal(request) == "request: /command: is missing, expected one of " + known);
    }
}

TEST_CASE("the keys of a request") {
    CHECK(request_keys("share") == std::vector<std::string>{"break-maps", "by", "percent"});
    CHECK(request_keys("status") == std::vector<std::string>{"servers"});
    CHECK(request_keys("stats").empty());
}
