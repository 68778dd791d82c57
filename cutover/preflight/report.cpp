#include "cutover/preflight/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

// Host and nine columns make 80.
constexpr size_t host_width = 25;

size_t count(const Preflight& preflight, Mark mark) {
    size_t result = 0;
    for (const HostReport& host : preflight.hosts) {
        result += static_cast<size_t>(
            std::count_if(host.findings.begin(), host.findings.end(),
                          [mark](const Finding& finding) { return finding.mark == mark; }));
    }
    return result;
}

const char* cell(Mark mark) {
    switch (mark) {
        case Mark::none:
            return "-";
        case Mark::good:
            return "ok";
        case Mark::fails:
            return "FAIL";
        case Mark::unknown:
            return "?";
    }
    return "";
}

const char* name(Mark mark) {
    switch (mark) {
        case Mark::none:
            return "not_asked";
        case Mark::good:
            return "good";
        case Mark::fails:
            return "fails";
        case Mark::unknown:
            return "unknown";
    }
    return "";
}

// A name that is too long loses its middle: hosts differ at both ends.
std::string fitted(const std::string& host) {
    if (host.size() <= host_width) {
        return host;
    }
    const size_t half = host_width / 2;
    return host.substr(0, half) + "~" + host.substr(host.size() - half);
}

std::string row(const HostReport& host) {
    std::string text = fmt::format("{:<{}}", fitted(host.host), host_width);
    for (const Area area : all_areas) {
        const auto mark = host.marks.find(area);
        text += fmt::format(" {:<5}", cell(mark == host.marks.end() ? Mark::none : mark->second));
    }
    return text.erase(text.find_last_not_of(' ') + 1) + "\n";
}

std::string header() {
    std::string text = fmt::format("{:<{}}", "host", host_width);
    for (const Area area : all_areas) {
        text += fmt::format(" {:<5}", rehome::cutover::name(area));
    }
    return text + "\n";
}

std::string findings_of(const Preflight& preflight, Mark mark, const char* title) {
    std::string text;
    for (const HostReport& host : preflight.hosts) {
        for (const Finding& finding : host.findings) {
            if (finding.mark == mark) {
                text += host.host + ": " + finding.text() + "\n";
            }
        }
    }
    return text.empty() ? "" : fmt::format("\n{}\n{}", title, text);
}

ordered_json host_json(const HostReport& host) {
    ordered_json object{
        {"host", host.host}, {"names", host.names}, {"took_ms", host.took_ms}, {"clock", nullptr}};
    if (host.clock) {
        object["clock"] = {{"offset_ms", host.clock->ms}, {"error_ms", host.clock->error_ms}};
    }
    for (const Area area : all_areas) {
        const auto mark = host.marks.find(area);
        object["looked_at"][std::string(rehome::cutover::name(area))] =
            name(mark == host.marks.end() ? Mark::none : mark->second);
    }
    return object;
}

ordered_json finding_json(const HostReport& host, const Finding& finding) {
    return {{"host", host.host},
            {"area", rehome::cutover::name(finding.area)},
            {"verdict", name(finding.mark)},
            {"what", finding.what},
            {"expected", finding.expected},
            {"todo", finding.todo}};
}

}  // namespace

Exit answer_of(const Preflight& preflight) {
    return count(preflight, Mark::fails) > 0     ? Exit::no
           : count(preflight, Mark::unknown) > 0 ? Exit::unknown
                                                 : Exit::yes;
}

std::string preflight_text(const Preflight& preflight) {
    std::string text = header();
    for (const HostReport& host : preflight.hosts) {
        text += row(host);
    }
    text += findings_of(preflight, Mark::fails, "will fail:");
    text += findings_of(preflight, Mark::unknown, "cannot be told:");
    if (!preflight.not_tried.empty()) {
        text += fmt::format(
            "\nnot tried, as they look at what the run itself makes: {} gates and checks\n",
            preflight.not_tried.size());
    }
    return text + fmt::format("\n{}: {} hosts in {:.1f} s: {} will fail, {} cannot be told\n",
                              preflight.playbook, preflight.hosts.size(), preflight.took_s,
                              count(preflight, Mark::fails), count(preflight, Mark::unknown));
}

std::string preflight_json(const Preflight& preflight) {
    const Exit answer = answer_of(preflight);
    ordered_json object{{"schema", "rehome/cutover-preflight/1"},
                        {"at", iso8601(preflight.at)},
                        {"playbook", preflight.playbook},
                        {"answer", answer == Exit::yes  ? "good"
                                   : answer == Exit::no ? "fails"
                                                        : "unknown"},
                        {"took_s", preflight.took_s},
                        {"hosts", ordered_json::array()},
                        {"findings", ordered_json::array()},
                        {"not_tried", preflight.not_tried}};
    for (const HostReport& host : preflight.hosts) {
        object["hosts"].push_back(host_json(host));
        for (const Finding& finding : host.findings) {
            object["findings"].push_back(finding_json(host, finding));
        }
    }
    return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace rehome::cutover
