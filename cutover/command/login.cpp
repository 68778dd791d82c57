// Options in, figures out; what the commands do is in login_fleet (the operator's side) and
// login_run (one agent).
#include "cutover/command/login.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "cutover/adapter/login/fleet.h"
#include "cutover/adapter/login/folder.h"
#include "cutover/adapter/login/run.h"

namespace rehome::cutover {
namespace {

using Names = std::vector<std::string>;

constexpr std::chrono::milliseconds end_limit{10'000};
constexpr std::chrono::milliseconds poll_pause{100};

// ---- options ------------------------------------------------------------------------------------

struct PaceOption {
    const char* name;
    const char* value;
    const char* help;
};

// `start` hands them on to each agent as they were given.
constexpr PaceOption pace_options[] = {
    {"ramp", "500", "first logins a second"},
    {"canaries-per-s", "2", "fresh logins a second besides the held ones (0: none)"},
    {"give-up-ms", "10000", "an unanswered heartbeat ends the connection after so long"},
    {"backoff-first-ms", "200", "pause before the second try, doubled before each one more"},
    {"backoff-max-ms", "5000", "longest pause between two tries"},
};

const Option dir_option = Option::text("dir", "folder of the agents' state").required();
const Option carriers_option = Option::text("carrier", "only this carrier (repeatable)").repeated();
const Option json_option = Option::flag("json", "print JSON");

// What one agent and all of them are told alike.
std::vector<Option> task_options(std::initializer_list<Option> more) {
    std::vector<Option> options{
        Option::text("inventory", "the inventory").required(),
        Option::text("login", "name of a login in the inventory").required(),
        dir_option,
    };
    for (const PaceOption& option : pace_options) {
        options.push_back(Option::number(option.name, option.help).by_default(option.value));
    }
    options.insert(options.end(), more);
    return options;
}

Result<LoginPace> pace_of(const Given& given) {
    const auto get = [&given](const char* name) { return given.number(name); };
    for (const PaceOption& option : pace_options) {
        const double value = get(option.name);
        const bool zero_allowed = std::string_view(option.name) == "canaries-per-s";
        if (value <= 1e6 && (value > 0 || (zero_allowed && value == 0))) continue;
        return fail(Exit::usage, std::string("--") + option.name,
                    fmt::format("{}, expected a number {} 0 and at most 1000000", value,
                                zero_allowed ? "not below" : "above"));
    }
    LoginPace pace;
    pace.ramp_per_s = get("ramp");
    pace.canaries_per_s = get("canaries-per-s");
    pace.give_up_ms = static_cast<int64_t>(get("give-up-ms"));
    pace.backoff_first_ms = static_cast<int64_t>(get("backoff-first-ms"));
    pace.backoff_max_ms = static_cast<int64_t>(get("backoff-max-ms"));
    return pace;
}

Result<LoginFleet> fleet_of(const Given& given) {
    return read_fleet(given.text("dir"), given.texts("carrier"));
}

// ---- printing -----------------------------------------------------------------------------------

bool all_ended(const std::vector<LoginStatus>& statuses) {
    return std::all_of(statuses.begin(), statuses.end(),
                       [](const LoginStatus& status) { return status.ended; });
}

// Yes; no when every agent has ended; unknown when a status is too old to say anything about now.
Exit print_statuses(const std::vector<LoginStatus>& statuses, bool as_json) {
    const UnixMicros now = now_us();
    const nlohmann::json summary = login_summary(statuses, now);
    std::cout << (as_json ? summary.dump(2) + "\n" : login_table(statuses, now));
    if (all_ended(statuses)) return Exit::no;
    return summary["stale"].empty() ? Exit::yes : Exit::unknown;
}

std::string report_text(const nlohmann::json& report) {
    const nlohmann::json& ms = report["gap_ms"];
    return fmt::format(
        "sessions   {} of {} up, {} logins, {} failed\n"
        "gaps       {}: p50 {:.1f} ms, p99 {:.1f} ms, longest {:.1f} ms; {} not ended\n"
        "causes     {}\n"
        "relogins   {}\n"
        "canaries   {} ok, {} failed\n"
        "bad lines  {}\n",
        report["up"].dump(), report["sessions"].dump(), report["logins_ok"].dump(),
        report["logins_failed"].dump(), report["gaps"].dump(), ms["p50"].get<double>(),
        ms["p99"].get<double>(), ms["max"].get<double>(), report["open_gaps"].dump(),
        report["causes"].dump(), report["relogins"].dump(), report["canary"]["ok"].dump(),
        report["canary"]["failed"].dump(), report["bad_lines"].dump());
}

// ---- acts ---------------------------------------------------------------------------------------

Result<Exit> act_start(const Given& given) {
    const auto pace = pace_of(given);
    if (!pace) return tl::unexpected(pace.error());
    LoginStart wanted{given.text("inventory"),
                      given.text("login"),
                      given.texts("carrier"),
                      given.text("dir"),
                      {},
                      given.text("far-inventory"),
                      given.text("far-dir")};
    for (const PaceOption& option : pace_options) {
        wanted.pace.push_back(std::string("--") + option.name);
        wanted.pace.push_back(fmt::format("{}", given.number(option.name)));
    }
    const auto fleet = start_logins(wanted);
    if (!fleet) return tl::unexpected(fleet.error());
    const auto statuses = read_statuses(*fleet);
    if (!statuses) return tl::unexpected(statuses.error());
    return print_statuses(*statuses, given.has("json"));
}

Result<Exit> act_status(const Given& given) {
    const auto fleet = fleet_of(given);
    // Nothing was started there: that is known.
    if (!fleet && fleet.error().kind == Exit::unknown) {
        return fail(Exit::no, fleet.error().where, fleet.error().what);
    }
    if (!fleet) return tl::unexpected(fleet.error());
    const auto statuses = read_statuses(*fleet);
    if (!statuses) return tl::unexpected(statuses.error());
    return print_statuses(*statuses, given.has("json"));
}

bool enough_up(const std::vector<LoginStatus>& statuses, double percent) {
    for (const LoginStatus& status : statuses) {
        const auto up = static_cast<double>(status.counts.up);
        const auto wanted = static_cast<double>(status.counts.wanted);
        if (up * 100.0 < wanted * percent || status.ended) return false;
    }
    return true;
}

Result<Exit> act_wait(const Given& given) {
    const double percent = given.number("up");
    const double seconds = given.number("timeout");
    if (!(percent >= 0 && percent <= 100) || !(seconds >= 0 && seconds <= 86'400)) {
        return fail(Exit::usage, "--up, --timeout",
                    "expected 0 to 100 percent and 0 to 86400 seconds");
    }
    const int64_t deadline = monotonic_us() + static_cast<int64_t>(seconds * 1e6);
    for (;;) {
        const auto statuses = fleet_of(given).and_then(read_statuses);
        const bool late = monotonic_us() >= deadline;
        if (!statuses && late) return tl::unexpected(statuses.error());
        if (statuses && (late || enough_up(*statuses, percent))) {
            const Exit fresh = print_statuses(*statuses, given.has("json"));
            if (enough_up(*statuses, percent) || fresh != Exit::yes) return fresh;
            return fail(Exit::no, given.text("dir"),
                        fmt::format("not {} % of each carrier's sessions up within {} s", percent,
                                    seconds));
        }
        std::this_thread::sleep_for(poll_pause);
    }
}

// What an undo calls, too: where nothing was started there is nothing to end.
Result<Exit> nothing_to_end(const Error& error) {
    std::cerr << error.text() << "\n";
    return Exit::yes;
}

Result<Exit> act_stop(const Given& given) {
    const auto fleet = fleet_of(given);
    if (!fleet && fleet.error().kind == Exit::unknown) return nothing_to_end(fleet.error());
    if (!fleet) return tl::unexpected(fleet.error());
    const auto stopped = stop_logins(*fleet, end_limit);
    if (!stopped) return tl::unexpected(stopped.error());
    const auto statuses = read_statuses(*fleet);
    if (!statuses && statuses.error().kind == Exit::unknown)
        return nothing_to_end(statuses.error());
    if (!statuses) return tl::unexpected(statuses.error());
    print_statuses(*statuses, given.has("json"));
    for (const LoginStatus& status : *statuses) {
        if (status.ended) continue;
        return fail(Exit::world, login_folder(fleet->dir, status.carrier),
                    "no agent runs, but its last status is not there: it was killed or could not "
                    "write (agent.log)");
    }
    return Exit::yes;
}

Result<Exit> act_report(const Given& given) {
    UnixMicros since = 0;
    if (given.has("since")) {
        const auto time = parse_iso8601(given.text("since"));
        if (!time) return fail(Exit::usage, "--since", time.error().text());
        since = *time;
    }
    const auto reports =
        fleet_of(given).and_then([since](const LoginFleet& f) { return read_reports(f, since); });
    if (!reports) return tl::unexpected(reports.error());
    const nlohmann::json report = login_report(*reports);
    std::cout << (given.has("json") ? report.dump(2) + "\n" : report_text(report));
    return Exit::yes;
}

Result<Exit> act_run(const Given& given) {
    const auto pace = pace_of(given);
    if (!pace) return tl::unexpected(pace.error());
    return run_login({given.text("inventory"), given.text("login"), given.text("carrier"),
                      given.text("dir"), *pace, given.has("detach"), given.has("ready")});
}

// ---- the table ----------------------------------------------------------------------------------

Command start_command() {
    return {
        "login start", "start an agent a carrier that holds sessions on the VIP",
        "Each agent runs on its carrier's vantage host and outlives this command, which returns "
        "once each\nhas written its first status.  A folder that has a running agent is refused "
        "(exit 1); one that was\nused before is continued.  Vantages that are reached by ssh "
        "need share no\nfile with this host: --far-inventory and --far-dir name paths there.\n\n"
        "  cutover login start --inventory inventory.json --login meter --dir /run/logins\n"
        "  cutover login wait --dir /run/logins --up 100 --timeout 30\n"
        "  cutover login start --inventory inventory.json --login meter --carrier red --dir d",
        task_options(
            {carriers_option,
             Option::text("far-inventory",
                          "the inventory's path on vantages that are reached by ssh "
                          "(default: as here)"),
             Option::text("far-dir", "folder of the agents' state there (default: as here)"),
             json_option}),
        act_start};
}

Command status_command() {
    return {
        "login status",
        "tell how the sessions fare now, per carrier and together",
        "Exit 1 when no agent was started or all have ended; 4 when a carrier's status is older "
        "than\n3 s: its agent hangs or was killed, and nobody knows.\n\n"
        "  cutover login status --dir /run/logins\n"
        "  cutover login status --dir /run/logins --json | jq .up",
        {dir_option, carriers_option, json_option},
        act_status};
}

Command wait_command() {
    return {"login wait",
            "wait until so many of each carrier's sessions are up",
            "Exit 1 when they are not within the time, 4 when a status is too old to say.\n\n"
            "  cutover login wait --dir /run/logins --up 99.5 --timeout 60",
            {dir_option, carriers_option,
             Option::number("up", "percent of each carrier's sessions").by_default("100"),
             Option::number("timeout", "seconds").by_default("60"), json_option},
            act_wait};
}

Command stop_command() {
    return {
        "login stop",
        "end the agents; their sessions are closed, their last status stays",
        "Agents that do not run any more are no error; one that was killed is (exit 3), because "
        "its last\nsecond is lost.\n\n"
        "  cutover login stop --dir /run/logins",
        {dir_option, carriers_option, json_option},
        act_stop};
}

Command report_command() {
    return {"login report",
            "sum up all gaps of the run: lengths, causes, logins anew",
            "Exact, from every gap's line in gaps.jsonl.\n\n"
            "  cutover login report --dir /run/logins --json\n"
            "  cutover login report --dir /run/logins --since 2026-05-04T03:00:00.000000Z",
            {dir_option, carriers_option,
             Option::text("since", "only gaps that began at this time or later"), json_option},
            act_report};
}

Command run_command() {
    return {
        "login run", "be one carrier's agent (what `login start` runs on the vantage's host)",
        "Writes DIR/CARRIER/{status.json,series.jsonl,gaps.jsonl,agent.pid}; ends, closing its "
        "sessions, on\nSIGTERM or SIGINT; ends with exit 3 when it cannot write.\n\n"
        "  cutover login run --inventory inventory.json --login meter --carrier red --dir d",
        task_options({Option::text("carrier", "the carrier").required(),
                      Option::flag("detach", "leave the agent running, with DIR/CARRIER/agent.log"),
                      Option::flag("ready",
                                   "print + once it has started, or why it cannot, and no "
                                   "more")}),
        act_run};
}

}  // namespace

std::vector<Command> login_commands() {
    return {start_command(), status_command(), wait_command(),
            stop_command(),  report_command(), run_command()};
}

}  // namespace rehome::cutover
