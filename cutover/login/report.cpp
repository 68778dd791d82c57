#include "cutover/login/report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rehome::cutover {
namespace {

using nlohmann::json;

constexpr std::string_view causes[] = {"reset", "closed", "timeout", "slow"};

struct GapLine {
    UnixMicros from;
    double length_ms;
    std::string cause;
    bool relogin;
};

std::optional<GapLine> read_line(std::string_view line) {
    const json value = json::parse(line, nullptr, false);
    if (!value.is_object()) return std::nullopt;
    const auto from = value.find("from");
    const auto length = value.find("gap_ms");
    const auto cause = value.find("cause");
    const auto relogin = value.find("relogin");
    for (const auto& member : {from, length, cause, relogin}) {
        if (member == value.end()) return std::nullopt;
    }
    if (!from->is_string() || !length->is_number() || !relogin->is_boolean()) return std::nullopt;
    const auto from_us = parse_iso8601(from->get<std::string>());
    const bool known = std::any_of(std::begin(causes), std::end(causes),
                                   [&](std::string_view name) { return *cause == name; });
    if (!from_us || !known) return std::nullopt;
    return GapLine{*from_us, length->get<double>(), *cause, *relogin};
}

// sorted: not empty
double nearest_rank(const std::vector<double>& sorted, double percent) {
    const double rank = std::ceil(percent / 100.0 * static_cast<double>(sorted.size()));
    return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

json summary_json(GapSummary gaps, const LoginCounts& counts) {
    std::sort(gaps.lengths_ms.begin(), gaps.lengths_ms.end());
    const bool any = !gaps.lengths_ms.empty();
    json value = {
        {"sessions", counts.wanted},
        {"up", counts.up},
        {"logins_ok", counts.logins_ok},
        {"logins_failed", counts.logins_failed},
        {"relogins", gaps.relogins},
        {"gaps", gaps.lengths_ms.size()},
        {"gap_ms",
         {{"p50", any ? nearest_rank(gaps.lengths_ms, 50) : 0.0},
          {"p99", any ? nearest_rank(gaps.lengths_ms, 99) : 0.0},
          {"max", any ? gaps.lengths_ms.back() : 0.0}}},
        {"open_gaps", counts.open_gaps},
        {"canary", {{"ok", counts.canary_ok}, {"failed", counts.canary_failed}}},
        {"bad_lines", gaps.bad_lines},
    };
    for (const std::string_view cause : causes) {
        value["causes"][std::string(cause)] = gaps.causes[std::string(cause)];
    }
    return value;
}

}  // namespace

std::string gap_line(const LoginGap& gap, const Endpoint& remote, int64_t to_wall_us) {
    return fmt::format(
        R"({{"session":{},"local":"{}","remote":"{}","from":"{}","to":"{}","gap_ms":{:.3f},)"
        R"("cause":"{}","relogin":{}}})"
        "\n",
        gap.session, gap.local.text(), remote.text(), iso8601(gap.from_us + to_wall_us),
        iso8601(gap.to_us + to_wall_us), static_cast<double>(gap.to_us - gap.from_us) / 1000.0,
        name(gap.cause), gap.relogin);
}

void GapSummary::add_lines(std::string_view text, UnixMicros since) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const auto line = read_line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line) {
            ++bad_lines;
        } else if (line->from >= since) {
            lengths_ms.push_back(line->length_ms);
            ++causes[line->cause];
            relogins += line->relogin ? 1u : 0u;
        }
    }
}

void GapSummary::add(const GapSummary& other) {
    lengths_ms.insert(lengths_ms.end(), other.lengths_ms.begin(), other.lengths_ms.end());
    for (const auto& [cause, count] : other.causes) causes[cause] += count;
    relogins += other.relogins;
    bad_lines += other.bad_lines;
}

json login_report(const std::vector<CarrierReport>& carriers) {
    GapSummary gaps;
    LoginCounts counts;
    json parts = json::array();
    UnixMicros at = carriers.empty() ? 0 : carriers.front().status.at;
    for (const CarrierReport& carrier : carriers) {
        gaps.add(carrier.gaps);
        counts.add(carrier.status.counts);
        at = std::min(at, carrier.status.at);
        parts.push_back(summary_json(carrier.gaps, carrier.status.counts));
        parts.back()["carrier"] = carrier.status.carrier;
    }
    json value = summary_json(std::move(gaps), counts);
    value["schema"] = "rehome/login-report/1";
    value["at"] = iso8601(at);
    value["carriers"] = std::move(parts);
    return value;
}

}  // namespace rehome::cutover
