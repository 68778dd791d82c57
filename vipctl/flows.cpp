// vipctl flows: goes through the table in pieces, as many questions as it takes.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <utility>

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

void print_rows(const json& flows, bool first) {
    if (first && !flows.empty()) {
        fmt::print("{:<5} {:<23} {:<23} {:<23} {:<11} {:<16} {:>7} {:>7}\n", "", "client", "vip",
                   "server", "state", "way back", "idle", "expires");
    }
    for (const json& flow : flows) {
        std::fputs(row(flow).c_str(), stdout);
    }
}

// A piece, and the pieces before it, as one.
json together(json before, json piece) {
    if (!before.is_null()) {
        before["flows"].insert(before["flows"].end(), piece["flows"].begin(), piece["flows"].end());
        piece["flows"] = std::move(before["flows"]);
        piece["matched"] = piece["matched"].get<uint64_t>() + before["matched"].get<uint64_t>();
        piece["longest_us"] = std::max(piece["longest_us"], before["longest_us"]);
    }
    return piece;
}

Result<Exit> flows(const Given& given) {
    const bool as_json = given.has("json"), count = given.has("count");
    json request = request_for("flows", given);
    json all;
    const int64_t limit = given.integer("limit");
    for (int64_t left = limit; all.is_null() || (all["all"] == false && (count || left > 0));) {
        request["limit"] = left;
        auto piece = ask(given, request);
        if (!piece) {
            return tl::unexpected(piece.error());
        }
        if (!as_json) {
            print_rows((*piece)["flows"], left == limit);
        }
        left -= static_cast<int64_t>((*piece)["flows"].size());
        all = together(std::move(all), std::move(*piece));
        request["place"] = all["place"];
    }
    if (as_json) {
        fmt::print("{}\n", all.dump(2));
    } else if (count) {
        fmt::print("{}\n", all["matched"].get<uint64_t>());
    } else if (all["all"] == false) {
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
         Option::integer("limit", "list at most so many").by_default("100"),
         Option::flag("count", "only how many there are")},
        flows};
}

}  // namespace rehome::vipctl
