// A far host's files are read by `cat` and its agents ended by its own `cutover login stop`; those
// of this host, in whatever namespace, directly.
#include "cutover/adapter/login/fleet.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/far_program.h"
#include "common/inventory.h"
#include "common/json/file.h"
#include "cutover/adapter/login/folder.h"
#include "cutover/adapter/login/run.h"
#include "cutover/adapter/parallel.h"

namespace rehome::cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view agents_schema =
#include "common/formats/login-agents.schema.inc"
    ;
constexpr size_t statuses_at_once = 16;
constexpr size_t gaps_limit = size_t{1} << 30;  // bytes of one carrier's gaps.jsonl

// Several mistakes as one error, a line each.
Error joined(const std::vector<Error>& errors) {
    Error all{Exit::usage, "", ""};
    for (const Error& error : errors) all.what += (all.what.empty() ? "" : "\n") + error.text();
    return all;
}

Result<std::string> read_at(const Host& host, const std::string& path, size_t limit) {
    if (host.kind != Host::Kind::ssh) return read_file(path, limit);
    return output_of(host, {"cat", "--", path}, {.output_limit = limit});
}

std::string agents_file(const std::string& dir) {
    return dir + "/agents.json";
}

Result<LoginFleet> parse_fleet(const std::string& dir) {
    const auto value = read_json(agents_file(dir), agents_schema);
    if (!value) return tl::unexpected(joined(value.error()));
    LoginFleet fleet{dir, value->at("login"), {}};
    for (const auto& agent : value->at("agents")) {
        const auto host = Host::parse(agent["host"].get<std::string>());
        if (!host) return fail(Exit::usage, agents_file(dir), host.error().text());
        fleet.places.push_back({agent["carrier"], *host, agent.value("dir", dir)});
    }
    return fleet;
}

// A folder that cannot be read is not an empty one.
Result<LoginFleet> scan_fleet(const std::string& dir) {
    LoginFleet fleet{dir, "", {}};
    std::error_code error;
    const fs::directory_iterator entries(dir, error);
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(Exit::world, dir, "cannot be read: " + error.message());
    }
    for (const fs::directory_entry& entry : entries) {
        if (!fs::exists(entry.path() / "agent.pid", error)) continue;
        fleet.places.push_back({entry.path().filename().string(), Host{}, dir});
    }
    std::sort(fleet.places.begin(), fleet.places.end(),
              [](const LoginPlace& a, const LoginPlace& b) { return a.carrier < b.carrier; });
    return fleet;
}

Result<LoginFleet> find_fleet(const std::string& dir) {
    std::error_code error;
    if (fs::exists(agents_file(dir), error)) return parse_fleet(dir);
    return scan_fleet(dir);
}

Result<> write_fleet(const LoginFleet& fleet) {
    nlohmann::json agents = nlohmann::json::array();
    for (const LoginPlace& place : fleet.places) {
        agents.push_back({{"carrier", place.carrier}, {"host", place.host.text()}});
        if (place.dir != fleet.dir) agents.back()["dir"] = place.dir;
    }
    const nlohmann::json value = {
        {"schema", "rehome/login-agents/1"}, {"login", fleet.login}, {"agents", agents}};
    std::error_code error;
    fs::create_directories(fleet.dir, error);
    if (error) return fail(Exit::world, fleet.dir, "cannot be made: " + error.message());
    return write_file_atomically(agents_file(fleet.dir), value.dump(2) + "\n");
}

// The agents that are to start, from the inventory.
Result<LoginFleet> wanted_fleet(const LoginStart& wanted) {
    const auto inventory = read_inventory(wanted.inventory);
    if (!inventory) return tl::unexpected(joined(inventory.error()));
    const auto login = find_login(*inventory, wanted.login);
    if (!login) return tl::unexpected(login.error());
    std::vector<std::string> names = wanted.carriers;
    if (names.empty()) {
        for (const Carrier& carrier : inventory->carriers) names.push_back(carrier.name);
    }
    LoginFleet fleet{fs::absolute(wanted.dir).string(), wanted.login, {}};
    for (const std::string& name : names) {
        const auto carrier = find_carrier(*inventory, name);
        if (!carrier) return tl::unexpected(carrier.error());
        const auto vantage = find_vantage(**carrier);
        if (!vantage) return tl::unexpected(vantage.error());
        const auto host = Host::parse((*vantage)->host);
        if (!host) return tl::unexpected(host.error());
        const bool far = host->kind == Host::Kind::ssh && !wanted.far_dir.empty();
        fleet.places.push_back({name, *host, far ? wanted.far_dir : fleet.dir});
    }
    return fleet;
}

// Refuses what runs already.  On a host that is reached by ssh the agent itself finds out.
Result<> check_free(const LoginFleet& fleet) {
    for (const LoginPlace& place : fleet.places) {
        if (place.host.kind == Host::Kind::ssh) continue;
        const std::string path = login_folder(place.dir, place.carrier);
        const auto agent = find_agent(path);
        if (!agent) return tl::unexpected(agent.error());
        if (!*agent) continue;
        return fail(Exit::no, path,
                    fmt::format("an agent runs here already (process {}), expected none: "
                                "`cutover login stop` ends it",
                                (*agent)->process.pid));
    }
    return {};
}

// What agents.json says now; nobody when it is not there.
Result<LoginFleet> known_fleet(const LoginFleet& fleet) {
    std::error_code error;
    if (!fs::exists(agents_file(fleet.dir), error)) return LoginFleet{fleet.dir, fleet.login, {}};
    auto known = parse_fleet(fleet.dir);
    if (!known || known->login == fleet.login) return known;
    return fail(Exit::no, agents_file(fleet.dir),
                fmt::format("holds agents of the login {}, expected {} or another folder",
                            in_quotes(known->login), in_quotes(fleet.login)));
}

// Agents of other carriers in the same folder stay listed.
LoginFleet with_known(const LoginFleet& fleet, LoginFleet known) {
    for (const LoginPlace& place : fleet.places) {
        const auto same =
            std::find_if(known.places.begin(), known.places.end(),
                         [&](const LoginPlace& p) { return p.carrier == place.carrier; });
        if (same == known.places.end()) {
            known.places.push_back(place);
        } else {
            *same = place;
        }
    }
    return known;
}

// Puts back what stood in agents.json before.
Result<> restore_fleet(const LoginFleet& known) {
    if (!known.places.empty()) return write_fleet(known);
    std::error_code error;
    fs::remove(agents_file(known.dir), error);
    if (!error) return {};
    return fail(Exit::world, agents_file(known.dir), "cannot be removed: " + error.message());
}

// `cutover WORDS` on a carrier's vantage host.
Result<> cutover_at(const LoginPlace& place, const Argv& words, const RunOptions& options = {}) {
    const auto done = output_of_ours(place.host, "cutover", words, options);
    if (done) return {};
    return fail(done.error().kind, place.carrier + " on " + done.error().where, done.error().what);
}

// On this machine the agent is left behind by ourselves: its namespace is entered on the way.
Result<> start_agent(const LoginStart& wanted, const LoginPlace& place) {
    const bool far = place.host.kind == Host::Kind::ssh && !wanted.far_inventory.empty();
    const std::string inventory =
        far ? wanted.far_inventory : fs::absolute(wanted.inventory).string();
    Argv words = {"login",      "run",       "--inventory", inventory, "--login",
                  wanted.login, "--carrier", place.carrier, "--dir",   place.dir};
    words.insert(words.end(), wanted.pace.begin(), wanted.pace.end());
    if (place.host.kind == Host::Kind::ssh) {
        words.emplace_back("--detach");
        return cutover_at(place, words);
    }
    words.insert(words.begin(), path_of_ours(place.host, "cutover"));
    words.emplace_back("--ready");
    return leave_agent(place.host.on(words), login_folder(place.dir, place.carrier));
}

Result<> ask_to_end(const LoginPlace& place, std::vector<LiveAgent>& live,
                    std::chrono::milliseconds limit) {
    if (place.host.kind != Host::Kind::ssh) {
        const auto agent = find_agent(login_folder(place.dir, place.carrier));
        if (!agent) return tl::unexpected(agent.error());
        const auto asked = *agent ? (*agent)->ask_to_end() : Result<bool>(false);
        if (!asked) return tl::unexpected(asked.error());
        if (*asked) live.push_back(**agent);
        return {};
    }
    return cutover_at(place, {"login", "stop", "--dir", place.dir, "--carrier", place.carrier},
                      {.timeout = limit + std::chrono::seconds(10)});
}

Result<LoginStatus> read_status(const LoginPlace& place) {
    const std::string path = login_folder(place.dir, place.carrier) + "/status.json";
    const auto text = read_at(place.host, path, size_t{1} << 20);
    if (!text) return fail(Exit::unknown, text.error().where, text.error().what);
    auto status = parse_login_status(path, *text);
    if (!status) return tl::unexpected(joined(status.error()));
    return std::move(*status);
}

// Names those that have not ended in time.
Result<> await_ends(const std::vector<LiveAgent>& live, std::chrono::milliseconds limit) {
    const int64_t deadline = monotonic_us() + limit.count() * 1000;
    std::string left;
    for (const LiveAgent& agent : live) {
        if (agent.await_end(deadline - monotonic_us())) continue;
        left += fmt::format(" {}", agent.process.pid);
    }
    if (left.empty()) return {};
    return fail(Exit::world, "",
                "agents that have not ended in time, still running: process" + left);
}

// Ends what was started and says what could not be put back.
Error give_up_start(Error error, const LoginFleet& started, const LoginFleet& known) {
    const auto stopped = stop_logins(started, std::chrono::seconds(10));
    if (!stopped) error.what += "; ending those started before: " + stopped.error().text();
    const auto restored = restore_fleet(known);
    if (!restored) error.what += "; " + restored.error().text();
    return error;
}

}  // namespace

Result<LoginFleet> start_logins(const LoginStart& wanted) {
    auto fleet = wanted_fleet(wanted);
    if (!fleet) return fleet;
    const auto free = check_free(*fleet);
    if (!free) return tl::unexpected(free.error());
    const auto known = known_fleet(*fleet);
    if (!known) return tl::unexpected(known.error());
    const auto written = write_fleet(with_known(*fleet, *known));
    if (!written) return tl::unexpected(written.error());

    LoginFleet started{fleet->dir, fleet->login, {}};
    for (const LoginPlace& place : fleet->places) {
        const auto done = start_agent(wanted, place);
        // One that did not answer in time may have started; one that runs for another is not ours.
        if (done || done.error().kind != Exit::no) started.places.push_back(place);
        if (!done) return tl::unexpected(give_up_start(done.error(), started, *known));
    }
    return fleet;
}

Result<LoginFleet> read_fleet(const std::string& dir, const std::vector<std::string>& carriers) {
    auto fleet = find_fleet(fs::absolute(dir).string());
    if (!fleet) return fleet;
    const auto unwanted = [&carriers](const LoginPlace& place) {
        return !carriers.empty() &&
               std::find(carriers.begin(), carriers.end(), place.carrier) == carriers.end();
    };
    std::erase_if(fleet->places, unwanted);
    if (fleet->places.empty()) {
        return fail(Exit::unknown, dir, "no such login agent, expected what `login start` began");
    }
    return fleet;
}

// All at once: over ssh one after the other would be old before the last one has come.
Result<std::vector<LoginStatus>> read_statuses(const LoginFleet& fleet) {
    std::vector<Result<LoginStatus>> read(fleet.places.size());
    for_all(fleet.places.size(), statuses_at_once,
            [&](size_t i) { read[i] = read_status(fleet.places[i]); });
    std::vector<LoginStatus> statuses;
    for (auto& status : read) {
        if (!status) return tl::unexpected(status.error());
        statuses.push_back(std::move(*status));
    }
    return statuses;
}

Result<std::vector<CarrierReport>> read_reports(const LoginFleet& fleet, UnixMicros since) {
    auto statuses = read_statuses(fleet);
    if (!statuses) return tl::unexpected(statuses.error());
    std::vector<CarrierReport> reports;
    for (size_t i = 0; i < fleet.places.size(); ++i) {
        const LoginPlace& place = fleet.places[i];
        const std::string path = login_folder(place.dir, place.carrier) + "/gaps.jsonl";
        const auto text = read_at(place.host, path, gaps_limit);
        if (!text) return tl::unexpected(text.error());
        reports.push_back({std::move((*statuses)[i]), {}});
        reports.back().gaps.add_lines(*text, since);
    }
    return reports;
}

Result<> stop_logins(const LoginFleet& fleet, std::chrono::milliseconds limit) {
    std::vector<LiveAgent> live;
    std::vector<Error> failed;
    for (const LoginPlace& place : fleet.places) {
        const auto asked = ask_to_end(place, live, limit);
        if (!asked) failed.push_back(asked.error());
    }
    const auto ended = await_ends(live, limit);
    if (!ended) failed.push_back(ended.error());
    if (failed.empty()) return {};
    Error all = joined(failed);
    all.kind = Exit::world;
    return tl::unexpected(all);
}

}  // namespace rehome::cutover
