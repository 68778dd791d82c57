// vipctl flows: goes through the table in pieces, as many questions as it takes.
#include <fmt/core.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "vipctl/commands.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

std::string text(const json& flow, const char* key) {
    const json value = flow.value(key, json());
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

std::string duration(const json& flow, const char* key) {
    const auto ms = flow.value(key, int64_t{0});
    return ms < 10'000 ? fmt::format("{:.1f}s", static_cast<double>(ms) / 1000)
                       : fmt::format("{}s", ms / 1000);
}

std::string row(const json& flow) {
    const bool peer = flow.contains("peer");
    return fmt::format("{:<5} {:<23} {:<23} {:<23} {:<11} {:<16} {:>7} {:>7}\n",
                       text(flow, "protocol"), text(flow, "client"), text(flow, "vip"),
                       peer ? "peer " + text(flow, "peer") : text(flow, "server"),
                       text(flow, "state"), text(flow, "way_back"), duration(flow, "idle_ms"),
                       duration(flow, "expires_ms"));
}

json first_request(const Given& given) {
    json request{{"command", "flows"}, {"place", 0}, {"count", given.has("count")}};
    for (const char* key : {"client", "vip", "server", "state"}) {
        if (given.has(key)) {
            request[key] = given.text(key);
        }
    }
    return request;
}

Result<Exit> flows(const Given& given) {
    json request = first_request(given);
    const bool as_json = given.has("json"), count = given.has("count");
    auto left = static_cast<uint64_t>(given.integer("limit"));
    const uint64_t limit = left;
    uint64_t matched = 0;
    json all = json::array();
    bool end = false, head = false;
    while (!end && (count || left > 0)) {
        request["limit"] = left;
        const auto answer = ask(given, request);
        if (!answer) {
            return tl::unexpected(answer.error());
        }
        end = answer->value("end", true);
        request["place"] = answer->value("place", json(0));
        matched += answer->value("matched", uint64_t{0});
        for (const json& flow : answer->value("flows", json::array())) {
            --left;
            if (as_json) {
                all.push_back(flow);
                continue;
            }
            if (!std::exchange(head, true)) {
                fmt::print("{:<5} {:<23} {:<23} {:<23} {:<11} {:<16} {:>7} {:>7}\n", "", "client",
                           "vip", "server", "state", "way back", "idle", "expires");
            }
            std::fputs(row(flow).c_str(), stdout);
        }
    }
    if (as_json) {
        json result{{"schema", "rehome/vipd-flows/1"}, {"matched", matched}, {"all", end}};
        if (!count) {
            result["flows"] = all;
        }
        fmt::print("{}\n", result.dump(2));
    } else if (count) {
        fmt::print("{}\n", matched);
    } else if (!end) {
        fmt::print("the first {}, there may be more: --limit N\n", limit);
    }
    return Exit::yes;
}

}  // namespace

Command flows_command() {
    return {
        "flows",
        "list or count the live flows",
        "  vipctl flows --client 198.51.100.7\n"
        "  vipctl flows --vip 203.0.113.5:14000 --state half_open --count\n"
        "  vipctl flows --server 10.1.1.11 --limit 1000 --json\n\n"
        "An end is an address, a prefix or an address and port. A state is half_open,\n"
        "established, closing, reset, relayed or provisional. The table is gone through in\n"
        "small pieces, so flows that come or go meanwhile may be told or not.",
        {Option::text("client", "only this client's"), Option::text("vip", "only to this VIP"),
         Option::text("server", "only at this server"), Option::text("state", "only in this state"),
         Option::integer("limit", "list at most so many").by_default("100").within(0, UINT32_MAX),
         Option::flag("count", "only how many there are")},
        flows};
}

}  // namespace rehome::vipctl
