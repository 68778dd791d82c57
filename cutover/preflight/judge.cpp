#include "cutover/preflight/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "cutover/preflight/findings.h"
#include "cutover/preflight/judge_gateway.h"
#include "cutover/preflight/judge_tried.h"
#include "cutover/run/gate.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/preflight-host.schema.inc"
    ;

constexpr int no_namespace = 255;  // of ip-netns(8)
constexpr int cannot_run = 126;
constexpr int not_found = 127;

// An agent's status that is older is stale, whatever a gate says.
constexpr double behind_at_most_s = 3;

std::string first_line(std::string_view text) {
    return std::string(text.substr(0, text.find('\n')));
}

std::string install(const Yardstick& yardstick) {
    return "install rehome " + yardstick.version + " there";
}

// ---- reach --------------------------------------------------------------------------------------

// The answer; nothing when there is none, which is a finding.
std::optional<json> read_answer(const HostAsk& ask, const Answered& answered,
                                const Yardstick& yardstick, Findings& findings) {
    const std::string version = "cutover " + yardstick.version + " in PATH";
    if (!answered.end) {
        findings.fails("cannot be reached: " + answered.end.error().what,
                       "a login without a question", "try: " + printable(ask.host.on({"true"})));
        return std::nullopt;
    }
    const Finished& end = *answered.end;
    if (end.timed_out) {
        findings.unknown("has not answered in time", "an answer",
                         "look what holds it up there, and ask again");
        return std::nullopt;
    }
    if (end.code == no_namespace && ask.host.kind == Host::Kind::netns) {
        findings.fails("cannot be reached: " + first_line(end.err), "that network namespace",
                       "raise it, or mend the inventory");
        return std::nullopt;
    }
    if (end.code == not_found || end.code == cannot_run) {
        findings.fails("cutover cannot be run: " + first_line(end.err), version,
                       install(yardstick));
        return std::nullopt;
    }
    if (end.code != 0) {
        findings.fails(fmt::format("cutover preflight-host ends with exit {}: {}", end.code,
                                   first_line(end.err)),
                       version, install(yardstick));
        return std::nullopt;
    }
    auto document = parse_json("answer", end.out, schema);
    if (!document) {
        findings.unknown("cannot be understood: " + document.error().front().text(), version,
                         install(yardstick));
        return std::nullopt;
    }
    return std::move(*document);
}

// Each list has what was asked, and in that order.
bool is_whole(const HostAsk& ask, const json& answer, Findings& findings) {
    if (ask.hand && answer.at("hand").is_null()) {
        findings.unknown("does not answer who holds it", "all that was asked", "ask again");
        return false;
    }
    const std::pair<const char*, size_t> lists[] = {{"programs", ask.programs.size()},
                                                    {"tools", ask.tools.size()},
                                                    {"inventories", ask.inventories.size()},
                                                    {"vipd", ask.vipd.size()},
                                                    {"bird", ask.bird.size()},
                                                    {"routes", ask.routes.size()},
                                                    {"folders", ask.folders.size()},
                                                    {"samples", ask.tried.size()}};
    for (const auto& [list, wanted] : lists) {
        if (answer.at(list).size() != wanted) {
            findings.unknown(
                fmt::format("answers {} of {} {}", answer.at(list).size(), wanted, list),
                "all of them", "ask again");
            return false;
        }
    }
    return true;
}

// ---- programs and files -------------------------------------------------------------------------

void judge_programs(const json& answer, const Yardstick& yardstick, Findings& findings) {
    for (const json& program : answer.at("programs")) {
        const std::string name = program.at("program");
        const bool ours = is_ours(name);
        const json& version = program.at("version");
        if (program.at("path").is_null()) {
            findings.fails(name + " is not there",
                           name.find('/') == name.npos ? "in PATH" : "a program that can be run",
                           ours ? install(yardstick) : "install it there");
        } else if (ours && version != yardstick.version) {
            findings.fails(fmt::format("{} is of version {}", name,
                                       version.is_null() ? "unknown" : version.get<std::string>()),
                           yardstick.version, install(yardstick));
        }
    }
    for (const json& tool : answer.at("tools")) {
        const std::string command = printable(tool.at("command").get<Argv>());
        const std::string err = tool.at("err");
        if (!tool.at("trouble").is_null()) {
            findings.fails(command + ": " + tool.at("trouble").get<std::string>(), "that it runs",
                           "install it there");
        } else if (tool.at("timed_out")) {
            findings.unknown(command + " has not ended in time", "an end", "try it there");
        } else if (tool.at("exit") != 0) {
            findings.fails(fmt::format("{}: exit {}: {}", command, tool.at("exit").dump(), err),
                           "exit 0", "try it there as the user who runs the move");
        }
    }
}

void judge_files(const HostAsk& ask, const json& answer, const Yardstick& yardstick,
                 Findings& findings) {
    for (const std::string& word : ask.misplaced) {
        findings.fails(fmt::format("the steps name {}, which this host alone has", word),
                       "a path there",
                       word.ends_with("/inventory.json")
                           ? "put the inventory there, and --set far_inventory=PATH"
                           : "change the playbook");
    }
    const std::string copy = "copy " + yardstick.inventory_path + " there";
    for (const json& file : answer.at("inventories")) {
        const std::string path = file.at("path");
        if (!file.at("trouble").is_null()) {
            findings.fails("cannot read the inventory: " + file.at("trouble").get<std::string>(),
                           "that of this run", copy);
        } else if (file.at("sha256") != yardstick.inventory_sha256) {
            findings.fails(path + " says something else than " + yardstick.inventory_path,
                           "the same inventory", copy);
        }
    }
}

// ---- paths, disk, clock -------------------------------------------------------------------------

void judge_routes(const json& answer, Findings& findings) {
    for (const json& route : answer.at("routes")) {
        if (!route.at("trouble").is_null()) {
            findings.fails(fmt::format("{}'s vantage {}", route.at("carrier").get<std::string>(),
                                       route.at("trouble").get<std::string>()),
                           "a way to each family's VIPs",
                           "mend its addresses and routes, or `vantage` in the inventory");
        }
    }
}

// Hands keep what they are told, and how it ended.
constexpr uint64_t hand_mb = 20;

void judge_hand(const json& hand, Findings& findings) {
    const std::string need = fmt::format("{} MB free for what its hand writes down", hand_mb);
    if (!hand.at("trouble").is_null()) {
        findings.in(Area::disk)
            .fails(hand.at("trouble"), need, "let the user who logs in write there");
    } else if (hand.at("free_mb").is_null()) {
        findings.in(Area::disk)
            .unknown("its hand's folder does not tell its room", need, "look there");
    } else if (hand.at("free_mb").get<uint64_t>() < hand_mb) {
        findings.in(Area::disk)
            .fails(
                fmt::format("its hand's folder has {} MB free", hand.at("free_mb").get<uint64_t>()),
                need, "make room");
    }
    if (!hand.at("held_by").is_null()) {
        findings.in(Area::reach).fails(hand.at("held_by"), "", "");
    }
}

void judge_folders(const HostAsk& ask, const json& answer, Findings& findings) {
    for (size_t i = 0; i < ask.folders.size(); ++i) {
        const FolderAsk& wanted = ask.folders[i];
        const json& folder = answer.at("folders").at(i);
        const std::string need = fmt::format("{} MB free for {}", wanted.need_mb, wanted.what);
        if (!folder.at("trouble").is_null()) {
            findings.fails(folder.at("trouble").get<std::string>(), need,
                           "another folder, or another user");
        } else if (folder.at("free_mb").is_null()) {
            findings.unknown(wanted.path + " does not tell its room", need, "look there");
        } else if (folder.at("free_mb").get<uint64_t>() < wanted.need_mb) {
            findings.fails(
                fmt::format("{} has {} MB free", wanted.path, folder.at("free_mb").get<uint64_t>()),
                need, "make room");
        }
    }
}

std::optional<UnixMicros> time_in(const json& answer, const char* key) {
    const auto found = answer.find(key);
    if (found == answer.end() || !found->is_string()) {
        return std::nullopt;
    }
    const auto time = parse_iso8601(found->get_ref<const std::string&>());
    return time ? std::optional(*time) : std::nullopt;
}

// By how much its clock may be behind: a gate's sample speaks for so long.
double behind_limit_s(const HostAsk& ask) {
    double limit = behind_at_most_s;
    for (const Tried& tried : ask.tried) {
        for (const Use& use : tried.uses) {
            if (!use.sample.fresh.empty()) {
                limit = std::min(limit, use.sample.max_age.count());
            }
        }
    }
    return limit;
}

void judge_clock(const HostAsk& ask, const std::optional<Offset>& clock, Findings& findings) {
    if (!clock) {
        findings.unknown("its clock went backwards while it answered", "a steady clock",
                         "look at NTP there");
        return;
    }
    const bool ahead = clock->ms > 0;
    const double limit_ms = (ahead ? ahead_at_most_s : behind_limit_s(ask)) * 1e3;
    const double off_ms = std::fabs(clock->ms);
    const std::string what = fmt::format("its clock is {:.3f} s (+- {:.3f} s) {}", off_ms / 1e3,
                                         clock->error_ms / 1e3, ahead ? "ahead" : "behind");
    const std::string expected = fmt::format("{} s at most", limit_ms / 1e3);
    if (off_ms - clock->error_ms > limit_ms) {
        findings.fails(what, expected, "set it by NTP");
    } else if (off_ms + clock->error_ms > limit_ms) {
        findings.unknown(what, expected, "ask again, or look at NTP there");
    }
}

// ---- all of it ----------------------------------------------------------------------------------

// What was asked of the host; `none` elsewhere.
std::map<Area, Mark> asked(const HostAsk& ask) {
    const auto mark = [](bool is_asked) { return is_asked ? Mark::good : Mark::none; };
    return {{Area::reach, Mark::good},
            {Area::programs, mark(!ask.programs.empty() || !ask.tools.empty())},
            {Area::files, mark(!ask.inventories.empty() || !ask.misplaced.empty())},
            {Area::vipd, mark(!ask.vipd.empty())},
            {Area::bird, mark(!ask.bird.empty())},
            {Area::paths, mark(!ask.routes.empty() || !ask.vipd.empty())},
            {Area::clock, mark(ask.ours)},
            {Area::disk, mark(!ask.folders.empty() || ask.hand)},
            {Area::tried, mark(!ask.tried.empty())}};
}

void judge_answer(const HostAsk& ask, const json& answer, const Yardstick& yardstick,
                  HostReport& report) {
    Findings findings(report.findings);
    if (ask.hand) {
        judge_hand(answer.at("hand"), findings);
    }
    judge_programs(answer, yardstick, findings.in(Area::programs));
    judge_files(ask, answer, yardstick, findings.in(Area::files));
    for (size_t i = 0; i < ask.vipd.size(); ++i) {
        judge_vipd(ask.vipd[i], answer.at("vipd").at(i), yardstick, findings);
    }
    for (size_t i = 0; i < ask.bird.size(); ++i) {
        judge_bird(ask.bird[i], answer.at("bird").at(i), findings.in(Area::bird));
    }
    judge_routes(answer, findings.in(Area::paths));
    judge_folders(ask, answer, findings.in(Area::disk));
    if (ask.ours) {
        judge_clock(ask, report.clock, findings.in(Area::clock));
    }
    for (size_t i = 0; i < ask.tried.size(); ++i) {
        judge_tried(ask.tried[i], answer.at("samples").at(i), findings.in(Area::tried));
    }
}

void mark_areas(bool answered, HostReport& report) {
    for (auto& [area, mark] : report.marks) {
        if (!answered && mark == Mark::good) {
            mark = Mark::unknown;
        }
    }
    for (const Finding& finding : report.findings) {
        Mark& mark = report.marks[finding.area];
        const bool worse = finding.mark == Mark::fails || mark != Mark::fails;
        mark = worse || finding.area == Area::reach ? finding.mark : mark;
    }
}

}  // namespace

std::string_view name(Area area) {
    constexpr std::string_view names[] = {"reach", "progs", "files", "vipd", "bird",
                                          "paths", "clock", "disk",  "tried"};
    return names[static_cast<size_t>(area)];
}

std::string Finding::text() const {
    return what + (expected.empty() ? "" : ", expected " + expected) +
           (todo.empty() ? "" : "; " + todo);
}

// As NTP reckons it (RFC 5905): what passes there between the two times is not under way.
std::optional<Offset> offset_of(const Answered& answered) {
    const json answer = answered.end ? json::parse(answered.end->out, nullptr, false) : json();
    if (!answer.is_object()) {
        return std::nullopt;
    }
    const auto began = time_in(answer, "began");
    const auto ended = time_in(answer, "ended");
    if (!began || !ended || *ended < *began) {
        return std::nullopt;
    }
    const auto ms = [](UnixMicros us) { return static_cast<double>(us) / 1e3; };
    const double under_way = ms(answered.came - answered.asked) - ms(*ended - *began);
    return Offset{(ms(*began - answered.asked) + ms(*ended - answered.came)) / 2,
                  std::max(under_way, 0.0) / 2};
}

HostReport judge_host(const HostAsk& ask, const Answered& answered, const Yardstick& yardstick) {
    HostReport report;
    report.host = ask.host.text();
    report.names = ask.names;
    report.marks = asked(ask);
    report.took_ms = static_cast<double>(answered.came - answered.asked) / 1e3;
    Findings findings(report.findings);
    auto answer = read_answer(ask, answered, yardstick, findings);
    const bool whole = answer && is_whole(ask, *answer, findings);
    if (whole) {
        report.clock = ask.ours ? answered.clock : std::nullopt;
        judge_answer(ask, *answer, yardstick, report);
    } else {
        // What is known without the host.
        const json nothing{{"inventories", json::array()}};
        judge_files(ask, nothing, yardstick, findings.in(Area::files));
    }
    mark_areas(whole, report);
    return report;
}

}  // namespace rehome::cutover
