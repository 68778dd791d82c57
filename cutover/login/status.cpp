// Keys stand in one table where a figure is a plain count, so that writing and reading cannot
// differ.
#include "cutover/login/status.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::cutover {
namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/login-status.schema.inc"
    ;

struct Counter {
    const char* key;
    uint64_t LoginCounts::*member;
};

constexpr Counter plain_counters[] = {
    {"wanted", &LoginCounts::wanted},
    {"up", &LoginCounts::up},
    {"waiting_answer", &LoginCounts::waiting_answer},
    {"overdue", &LoginCounts::overdue},
    {"logins_ok", &LoginCounts::logins_ok},
    {"logins_failed", &LoginCounts::logins_failed},
    {"heartbeats_ok", &LoginCounts::heartbeats_ok},
    {"slow", &LoginCounts::slow},
};

double ms(int64_t us) {
    return static_cast<double>(us) / 1000.0;
}

int64_t us(const json& ms) {
    return std::llround(ms.get<double>() * 1000.0);
}

json counts_json(const LoginCounts& counts) {
    json value;
    for (const Counter& counter : plain_counters) value[counter.key] = counts.*counter.member;
    value["broken"] = counts.broken();
    value["broken_by"] = {{"reset", counts.broken_reset},
                          {"closed", counts.broken_closed},
                          {"timeout", counts.broken_timeout}};
    value["gaps"] = counts.gaps.count();
    value["gap_ms"] = {{"p50", ms(counts.gaps.percentile_us(50))},
                       {"p99", ms(counts.gaps.percentile_us(99))},
                       {"max", ms(counts.gaps.max_us)}};
    value["open_gaps"] = {{"count", counts.open_gaps}, {"oldest_ms", ms(counts.oldest_gap_us)}};
    value["last_failure"] = counts.last_failure;
    value["canary"] = {{"ok", counts.canary_ok},
                       {"failed", counts.canary_failed},
                       {"last_failure", counts.canary_last_failure}};
    return value;
}

LoginCounts counts_of(const json& value) {
    LoginCounts counts;
    for (const Counter& counter : plain_counters) {
        counts.*counter.member = value[counter.key].get<uint64_t>();
    }
    counts.broken_reset = value["broken_by"]["reset"];
    counts.broken_closed = value["broken_by"]["closed"];
    counts.broken_timeout = value["broken_by"]["timeout"];
    for (const json& pair : value["gap_counts"]) {
        counts.gaps.counts[pair[0].get<int64_t>()] = pair[1].get<uint64_t>();
    }
    counts.gaps.max_us = us(value["gap_ms"]["max"]);
    counts.open_gaps = value["open_gaps"]["count"];
    counts.oldest_gap_us = us(value["open_gaps"]["oldest_ms"]);
    counts.last_failure = value["last_failure"];
    counts.canary_ok = value["canary"]["ok"];
    counts.canary_failed = value["canary"]["failed"];
    counts.canary_last_failure = value["canary"]["last_failure"];
    return counts;
}

bool is_stale(const LoginStatus& status, UnixMicros now) {
    return now - status.at > login_stale_us;
}

LoginStatus sum_of(const std::vector<LoginStatus>& carriers) {
    LoginStatus sum;
    if (carriers.empty()) return sum;
    sum.at = carriers.front().at;
    sum.login = carriers.front().login;
    sum.ended = true;
    for (const LoginStatus& carrier : carriers) {
        sum.at = std::min(sum.at, carrier.at);
        sum.ended = sum.ended && carrier.ended;
        sum.late_us = std::max(sum.late_us, carrier.late_us);
        sum.counts.add(carrier.counts);
    }
    return sum;
}

std::string row(const std::string& name, const LoginStatus& status, const std::string& note) {
    const LoginCounts& c = status.counts;
    return fmt::format(
        "{:<10} {:>7} {:>7} {:>8} {:>7} {:>8} {:>7} {:>7} {:>9.1f} {:>9.1f} {:>9.1f} {}\n", name,
        c.wanted, c.up, c.logins_ok, c.logins_failed, c.broken(), c.open_gaps, c.gaps.count(),
        ms(c.gaps.percentile_us(50)), ms(c.gaps.percentile_us(99)), ms(c.gaps.max_us), note);
}

}  // namespace

json to_series(const LoginStatus& status) {
    json value = counts_json(status.counts);
    value["schema"] = "rehome/login-status/1";
    value["at"] = iso8601(status.at);
    value["login"] = status.login;
    value["carrier"] = status.carrier;
    value["ended"] = status.ended;
    value["late_ms"] = ms(status.late_us);
    return value;
}

json to_json(const LoginStatus& status) {
    json value = to_series(status);
    value["gap_counts"] = json::array();
    for (const auto& [length, count] : status.counts.gaps.counts) {
        value["gap_counts"].push_back({length, count});
    }
    return value;
}

Checked<LoginStatus> parse_login_status(std::string_view file, std::string_view text) {
    const auto value = parse_json(file, text, schema);
    if (!value) return tl::unexpected(value.error());
    Mistakes mistakes{std::string(file)};
    const auto at = parse_iso8601(value->at("at").get<std::string>());
    if (!at) mistakes.add("/at", at.error().text());
    // A line of the series has the same schema.
    if (!value->contains("gap_counts")) mistakes.add("/gap_counts", "is missing, expected a list");
    if (!mistakes.none()) return tl::unexpected(mistakes.take());
    return LoginStatus{*at,
                       value->at("login"),
                       value->at("carrier"),
                       value->at("ended"),
                       us(value->at("late_ms")),
                       counts_of(*value)};
}

json login_summary(const std::vector<LoginStatus>& carriers, UnixMicros now) {
    json value = to_series(sum_of(carriers));
    value.erase("carrier");
    value["schema"] = "rehome/login-summary/1";
    value["stale"] = json::array();
    value["carriers"] = json::array();
    for (const LoginStatus& carrier : carriers) {
        value["carriers"].push_back(to_series(carrier));
        if (is_stale(carrier, now)) value["stale"].push_back(carrier.carrier);
    }
    return value;
}

std::string login_table(const std::vector<LoginStatus>& carriers, UnixMicros now) {
    std::string text = fmt::format(
        "{:<10} {:>7} {:>7} {:>8} {:>7} {:>8} {:>7} {:>7} {:>9} {:>9} {:>9}\n", "carrier", "wanted",
        "up", "logins", "failed", "breaks", "silent", "gaps", "p50 ms", "p99 ms", "max ms");
    for (const LoginStatus& carrier : carriers) {
        std::string note;
        if (is_stale(carrier, now)) {
            note = fmt::format("{}, {:.0f} s old", carrier.ended ? "ended" : "stale",
                               static_cast<double>(now - carrier.at) / 1e6);
        }
        text += row(carrier.carrier, carrier, note);
    }
    return text + row("all", sum_of(carriers), "");
}

}  // namespace rehome::cutover
