// Options in, figures out; what the commands do is in login_fleet (the operator's side) and
// login_run (one agent).
#include "cutover/command/login.h"

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

namespace po = boost::program_options;
using Options = po::options_description;
using Positional = po::positional_options_description;
using Values = po::variables_map;
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

po::typed_value<std::string>* required() {
    return po::value<std::string>()->required();
}

void add_dir(Options& options) {
    options.add_options()("dir", required(), "folder of the agents' state");
}

void add_carriers(Options& options, const char* help) {
    options.add_options()("carrier", po::value<Names>()->composing(), help);
}

void add_json(Options& options) {
    options.add_options()("json", "print JSON");
}

void add_task(Options& options) {
    options.add_options()("inventory", required(), "the inventory")(
        "login", required(), "name of a login in the inventory");
    add_dir(options);
    for (const PaceOption& option : pace_options) {
        options.add_options()(
            option.name, po::value<double>()->default_value(std::stod(option.value), option.value),
            option.help);
    }
}

Result<LoginPace> pace_of(const Values& values) {
    const auto get = [&values](const char* name) { return values[name].as<double>(); };
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

Names carriers_of(const Values& values) {
    return values.count("carrier") != 0 ? values["carrier"].as<Names>() : Names{};
}

std::string text_of(const Values& values, const char* name) {
    return values[name].as<std::string>();
}

Result<LoginFleet> fleet_of(const Values& values) {
    return read_fleet(text_of(values, "dir"), carriers_of(values));
}

// ---- printing -----------------------------------------------------------------------------------

// Yes, or unknown when a status is too old to say anything about now.
Exit print_statuses(const std::vector<LoginStatus>& statuses, bool as_json) {
    const UnixMicros now = now_us();
    const nlohmann::json summary = login_summary(statuses, now);
    std::cout << (as_json ? summary.dump(2) + "\n" : login_table(statuses, now));
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

Result<Exit> act_start(const Values& values) {
    const auto pace = pace_of(values);
    if (!pace) return tl::unexpected(pace.error());
    LoginStart wanted{text_of(values, "inventory"),
                      text_of(values, "login"),
                      carriers_of(values),
                      text_of(values, "dir"),
                      {}};
    for (const PaceOption& option : pace_options) {
        wanted.pace.push_back(std::string("--") + option.name);
        wanted.pace.push_back(fmt::format("{}", values[option.name].as<double>()));
    }
    const auto fleet = start_logins(wanted);
    if (!fleet) return tl::unexpected(fleet.error());
    const auto statuses = read_statuses(*fleet);
    if (!statuses) return tl::unexpected(statuses.error());
    return print_statuses(*statuses, values.count("json") != 0);
}

Result<Exit> act_status(const Values& values) {
    const auto statuses = fleet_of(values).and_then(read_statuses);
    if (!statuses) return tl::unexpected(statuses.error());
    return print_statuses(*statuses, values.count("json") != 0);
}

bool enough_up(const std::vector<LoginStatus>& statuses, double percent) {
    for (const LoginStatus& status : statuses) {
        const auto up = static_cast<double>(status.counts.up);
        const auto wanted = static_cast<double>(status.counts.wanted);
        if (up * 100.0 < wanted * percent || status.ended) return false;
    }
    return true;
}

Result<Exit> act_wait(const Values& values) {
    const double percent = values["up"].as<double>();
    const double seconds = values["timeout"].as<double>();
    if (!(percent >= 0 && percent <= 100) || !(seconds >= 0 && seconds <= 86'400)) {
        return fail(Exit::usage, "--up, --timeout",
                    "expected 0 to 100 percent and 0 to 86400 seconds");
    }
    const int64_t deadline = monotonic_us() + static_cast<int64_t>(seconds * 1e6);
    for (;;) {
        const auto statuses = fleet_of(values).and_then(read_statuses);
        const bool late = monotonic_us() >= deadline;
        if (!statuses && late) return tl::unexpected(statuses.error());
        if (statuses && (late || enough_up(*statuses, percent))) {
            const Exit fresh = print_statuses(*statuses, values.count("json") != 0);
            if (enough_up(*statuses, percent) || fresh != Exit::yes) return fresh;
            return fail(Exit::no, text_of(values, "dir"),
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

Result<Exit> act_stop(const Values& values) {
    const auto fleet = fleet_of(values);
    if (!fleet && fleet.error().kind == Exit::unknown) return nothing_to_end(fleet.error());
    if (!fleet) return tl::unexpected(fleet.error());
    const auto stopped = stop_logins(*fleet, end_limit);
    if (!stopped) return tl::unexpected(stopped.error());
    const auto statuses = read_statuses(*fleet);
    if (!statuses && statuses.error().kind == Exit::unknown)
        return nothing_to_end(statuses.error());
    if (!statuses) return tl::unexpected(statuses.error());
    print_statuses(*statuses, values.count("json") != 0);
    for (const LoginStatus& status : *statuses) {
        if (status.ended) continue;
        return fail(Exit::world, login_folder(fleet->dir, status.carrier),
                    "no agent runs, but its last status is not there: it was killed or could not "
                    "write (agent.log)");
    }
    return Exit::yes;
}

Result<Exit> act_report(const Values& values) {
    UnixMicros since = 0;
    if (values.count("since") != 0) {
        const auto time = parse_iso8601(text_of(values, "since"));
        if (!time) return fail(Exit::usage, "--since", time.error().text());
        since = *time;
    }
    const auto reports =
        fleet_of(values).and_then([since](const LoginFleet& f) { return read_reports(f, since); });
    if (!reports) return tl::unexpected(reports.error());
    const nlohmann::json report = login_report(*reports);
    std::cout << (values.count("json") != 0 ? report.dump(2) + "\n" : report_text(report));
    return Exit::yes;
}

Result<Exit> act_run(const Values& values) {
    const auto pace = pace_of(values);
    if (!pace) return tl::unexpected(pace.error());
    return run_login({text_of(values, "inventory"), text_of(values, "login"),
                      text_of(values, "carrier"), text_of(values, "dir"), *pace,
                      values.count("detach") != 0});
}

// ---- the table ----------------------------------------------------------------------------------

Command start_command() {
    return {
        "login start", "start an agent a carrier that holds sessions on the VIP",
        "Each agent runs on its carrier's vantage host and outlives this command, which returns "
        "once each\nhas written its first status.  A folder that has a running agent is refused "
        "(exit 1); one that was\nused before is continued.\n\n"
        "  cutover login start --inventory inventory.json --login meter --dir /run/logins\n"
        "  cutover login wait --dir /run/logins --up 100 --timeout 30\n"
        "  cutover login start --inventory inventory.json --login meter --carrier red --dir d",
        [](Options& options, Positional&) {
            add_task(options);
            add_carriers(options, "only this carrier (repeatable)");
            add_json(options);
        },
        act_start};
}

Command status_command() {
    return {"login status", "tell how the sessions fare now, per carrier and together",
            "Exit 4 when a carrier's status is older than 3 s: its agent has ended or hangs, and "
            "nobody knows.\n\n"
            "  cutover login status --dir /run/logins\n"
            "  cutover login status --dir /run/logins --json | jq .up",
            [](Options& options, Positional&) {
                add_dir(options);
                add_carriers(options, "only this carrier (repeatable)");
                add_json(options);
            },
            act_status};
}

Command wait_command() {
    return {"login wait", "wait until so many of each carrier's sessions are up",
            "Exit 1 when they are not within the time, 4 when a status is too old to say.\n\n"
            "  cutover login wait --dir /run/logins --up 99.5 --timeout 60",
            [](Options& options, Positional&) {
                add_dir(options);
                add_carriers(options, "only this carrier (repeatable)");
                options.add_options()("up", po::value<double>()->default_value(100, "100"),
                                      "percent of each carrier's sessions")(
                    "timeout", po::value<double>()->default_value(60, "60"), "seconds");
                add_json(options);
            },
            act_wait};
}

Command stop_command() {
    return {
        "login stop", "end the agents; their sessions are closed, their last status stays",
        "Agents that do not run any more are no error; one that was killed is (exit 3), because "
        "its last\nsecond is lost.\n\n"
        "  cutover login stop --dir /run/logins",
        [](Options& options, Positional&) {
            add_dir(options);
            add_carriers(options, "only this carrier (repeatable)");
            add_json(options);
        },
        act_stop};
}

Command report_command() {
    return {"login report", "sum up all gaps of the run: lengths, causes, logins anew",
            "Exact, from every gap's line in gaps.jsonl.\n\n"
            "  cutover login report --dir /run/logins --json\n"
            "  cutover login report --dir /run/logins --since 2026-05-04T03:00:00.000000Z",
            [](Options& options, Positional&) {
                add_dir(options);
                add_carriers(options, "only this carrier (repeatable)");
                options.add_options()("since", po::value<std::string>(),
                                      "only gaps that began at this time or later");
                add_json(options);
            },
            act_report};
}

Command run_command() {
    return {"login run", "be one carrier's agent (what `login start` runs on the vantage's host)",
            "Writes DIR/CARRIER/{status.json,series.jsonl,gaps.jsonl,agent.pid}; ends, closing its "
            "sessions, on\nSIGTERM or SIGINT; ends with exit 3 when it cannot write.\n\n"
            "  cutover login run --inventory inventory.json --login meter --carrier red --dir d",
            [](Options& options, Positional&) {
                add_task(options);
                options.add_options()("carrier", required(), "the carrier")(
                    "detach", "leave the agent running, with DIR/CARRIER/agent.log");
            },
            act_run};
}

}  // namespace

std::vector<Command> login_commands() {
    return {start_command(), status_command(), wait_command(),
            stop_command(),  report_command(), run_command()};
}

}  // namespace rehome::cutover
