// A comparison as text and as JSON ("rehome/probe-compare/1").
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "probe/core/compare.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) {
    return std::round(value * 1e6) / 1e6;
}

Json number(const std::optional<double>& value) {
    return value ? Json(rounded(*value)) : Json(nullptr);
}

std::string shown(const std::optional<double>& value) {
    return value ? fmt::format("{:.3f}", *value) : "none";
}

Json end_of(double end) {
    return std::isinf(end) ? Json(nullptr) : Json(rounded(end));
}

std::string line(const Finding& finding) {
    std::string text = fmt::format("{:<28} {:<14} {:>9} -> {:>9}", finding.path, finding.figure,
                                   shown(finding.base), shown(finding.now));
    if (finding.increase) {
        text += fmt::format("  increase {:.3f} ({:.3f} to {:.3f}), allowed {:.3f}",
                            *finding.now - *finding.base, finding.increase->low,
                            finding.increase->high, finding.allowed);
    }
    text += fmt::format(": {}", name(finding.verdict));
    return finding.why.empty() ? text + "\n" : text + ", " + finding.why + "\n";
}

}  // namespace

std::string to_text(const Comparison& comparison) {
    std::string text = fmt::format("carrier {}: {} against {}\n", comparison.carrier,
                                   iso8601(comparison.now_at), iso8601(comparison.base_at));
    for (const Finding& finding : comparison.findings) {
        text += line(finding);
    }
    // Each test that was used is told once.
    std::vector<std::string> told;
    for (const Finding& finding : comparison.findings) {
        if (!finding.used.empty() &&
            std::find(told.begin(), told.end(), finding.used) == told.end()) {
            told.push_back(finding.used);
            text += fmt::format("  {}: {}\n", finding.figure, finding.used);
        }
    }
    for (const std::string& obstacle : comparison.obstacles) {
        text += fmt::format("  {}\n", obstacle);
    }
    const Terms& terms = comparison.terms;
    text += fmt::format("{}, with losses in bursts of up to {:.3g} s", name(comparison.verdict),
                        terms.burst_s);
    return text + (terms.looks == 1
                       ? "\n"
                       : fmt::format(", look {} of {}\n", comparison.look, terms.looks));
}

std::string to_json(const Comparison& comparison) {
    Json json = {{"schema", "rehome/probe-compare/1"},     {"carrier", comparison.carrier},
                 {"base_at", iso8601(comparison.base_at)}, {"now_at", iso8601(comparison.now_at)},
                 {"burst_s", comparison.terms.burst_s},    {"look", comparison.look},
                 {"looks", comparison.terms.looks},        {"verdict", name(comparison.verdict)},
                 {"obstacles", comparison.obstacles},      {"findings", Json::array()}};
    for (const Finding& finding : comparison.findings) {
        const auto& increase = finding.increase;
        json["findings"].push_back(
            {{"path", finding.path},
             {"figure", finding.figure},
             {"base", number(finding.base)},
             {"now", number(finding.now)},
             {"increase_interval",
              increase ? Json{end_of(increase->low), end_of(increase->high)} : Json(nullptr)},
             {"allowed", finding.allowed},
             {"verdict", name(finding.verdict)},
             {"used", finding.used},
             {"why", finding.why.empty() ? Json(nullptr) : Json(finding.why)}});
    }
    return json.dump(2) + "\n";
}

}  // namespace rehome::probe
