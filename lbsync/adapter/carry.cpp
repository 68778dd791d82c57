#include "lbsync/adapter/carry.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"
#include "common/process.h"
#include "common/sha256.h"
#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/hold.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/iptables/host_dump.h"
#include "lbsync/iptables/pieces.h"
#include "lbsync/nft/canonical.h"
#include "lbsync/plan/batch.h"
#include "lbsync/plan/vipd_config.h"

namespace rehome::lbsync {

namespace {

// map: what is left alone there is not looked at.
Result<> expect(const Remote& remote, const MapFile& map, const Ruleset& expected,
                const iptables::Dump& dump, std::string_view otherwise) {
    auto reading = remote.ruleset();
    if (!reading) {
        return tl::unexpected(reading.error());
    }
    leave_alone(*reading, remote.name(), SideOf::to, map);
    if (!reading->doubts.empty()) {
        const Doubt& doubt = reading->doubts.front();
        return fail(Exit::world, doubt.where, doubt.what);
    }
    const auto differs = differences(expected, reading->ruleset, remote.name());
    if (!differs.empty() || canonical(reading->ruleset) != canonical(expected)) {
        const std::string object = differs.empty() ? "its rule set" : differs.front().object;
        return fail(Exit::world, remote.name(), fmt::format("{} {}", object, otherwise));
    }
    const auto others = differences(pieces(dump), pieces(reading->iptables->dump), remote.name());
    if (!others.empty()) {
        return fail(Exit::world, remote.name(),
                    fmt::format("{} {}", others.front().object, otherwise));
    }
    return {};
}

std::vector<std::string> hosts_touched_by(const Plan& plan) {
    std::set<std::string> hosts;
    for (const HostPlan& host : plan.hosts) {
        if (host.changes_rules() || host.wanted_boot != host.current_boot) {
            hosts.insert(host.host);
        }
    }
    for (const GatewayPlan& gateway : plan.gateways) {
        if (gateway.reload || gateway.wanted_file != gateway.current_file) {
            hosts.insert(gateway.pair.to->host);
        }
    }
    return {hosts.begin(), hosts.end()};
}

bool has_dynamic_sets(const Ruleset& ruleset) {
    return std::any_of(ruleset.tables.begin(), ruleset.tables.end(), [](const Table& table) {
        return std::any_of(table.sets.begin(), table.sets.end(),
                           [](const Set& set) { return set.dynamic; });
    });
}

// What was touched, by whichever host's thread, and whether anything has failed.
class Touched {
public:
    explicit Touched(const Saved& saved) : saved_(saved) {}

    void tables(const std::string& host) {
        const std::lock_guard lock(mutex_);
        std::copy_if(saved_.tables.begin(), saved_.tables.end(),
                     std::back_inserter(touched_.tables),
                     [&](const SavedTable& table) { return table.host == host; });
    }

    void file(const std::string& host, const std::string& path) {
        const std::lock_guard lock(mutex_);
        std::copy_if(saved_.files.begin(), saved_.files.end(), std::back_inserter(touched_.files),
                     [&](const SavedFile& file) { return file.host == host && file.path == path; });
    }

    void failed(Error error) {
        const std::lock_guard lock(mutex_);
        failures_.push_back(std::move(error));
    }

    bool any_failed() const {
        const std::lock_guard lock(mutex_);
        return !failures_.empty();
    }

    // Once the threads have ended.
    const Saved& saved() const { return touched_; }
    std::vector<Error> take_failures() { return std::move(failures_); }

private:
    const Saved& saved_;
    mutable std::mutex mutex_;
    Saved touched_;
    std::vector<Error> failures_;
};

// Goes through a plan.
class Carrier {
public:
    Carrier(const Plan& plan, const Manner& manner, const StopSignal& stop, const Saved& saved)
        : plan_(plan), manner_(manner), stop_(stop), saved_(saved), touched_(saved) {}

    Checked<void> lock() { return holds_.take(hosts_touched_by(plan_), manner_.at_once); }

    // The targets that will undo it by themselves.
    Checked<void> arm() {
        if (manner_.confirm_s == 0) {
            return {};
        }
        asked_ = hosts_touched_by(plan_);
        std::vector<Task> tasks;
        std::vector<Result<Armed>> results(asked_.size());
        for (size_t i = 0; i < asked_.size(); ++i) {
            tasks.emplace_back([this, &host = asked_[i], &result = results[i]] {
                result = Remote::to(host).and_then([&](const Remote& remote) {
                    return remote.arm(to_arm(host), manner_.confirm_s);
                });
            });
        }
        // Theirs begins later: we stop before any of them acts.
        deadline_us_ = monotonic_us() + manner_.confirm_s * 1'000'000;
        run_at_once(tasks, manner_.at_once, "arming");
        std::vector<Error> errors;
        for (size_t i = 0; i < results.size(); ++i) {
            if (results[i]) {
                until_ = until_.empty() ? results[i]->until : std::min(until_, results[i]->until);
            } else {
                errors.push_back({results[i].error().kind, asked_[i], results[i].error().what});
            }
        }
        return errors.empty() ? Checked<void>() : tl::unexpected(std::move(errors));
    }

    // After what was done was put back.  Whoever was asked may be armed, whatever it has answered.
    void disarm(std::vector<Error>& left) const {
        std::vector<Result<>> results(asked_.size());
        std::vector<Task> tasks;
        for (size_t i = 0; i < asked_.size(); ++i) {
            tasks.emplace_back([this, i, &results] {
                results[i] = Remote::to(asked_[i]).and_then(
                    [this](const Remote& remote) { return remote.disarm(id_); });
            });
        }
        run_at_once(tasks, manner_.at_once, "disarming");
        for (size_t i = 0; i < results.size(); ++i) {
            if (!results[i]) {
                left.push_back({Exit::world, asked_[i],
                                "its own undo may still be armed: " + results[i].error().what});
            }
        }
    }

    // When the first of them would undo it; empty: none.
    const std::string& until() const { return until_; }

    void all() {
        std::vector<Task> hosts;
        for (const HostPlan& plan : plan_.hosts) {
            if (plan.changes_rules()) {
                hosts.emplace_back([this, &plan] { unless_failed([&] { return host(plan); }); });
            }
        }
        run_at_once(hosts, manner_.at_once, "applying");
        std::vector<Task> gateways;
        for (const GatewayPlan& plan : plan_.gateways) {
            gateways.emplace_back([this, &plan] { unless_failed([&] { return gateway(plan); }); });
        }
        run_at_once(gateways, manner_.at_once, "reloading");
        if (manner_.confirm_s > 0) {
            unless_failed([] { return Result<>(); });  // its time was not over meanwhile
            return;  // boot files are written when it is confirmed
        }
        std::vector<Task> boot;
        for (const HostPlan& plan : plan_.hosts) {
            if (plan.wanted_boot != plan.current_boot) {
                boot.emplace_back(
                    [this, &plan] { unless_failed([&] { return boot_file(plan); }); });
            }
        }
        run_at_once(boot, manner_.at_once, "writing boot files");
    }

    Touched& touched() { return touched_; }

private:
    template <typename Act>
    void unless_failed(Act act) {
        if (touched_.any_failed()) {
            return;
        }
        const bool late = manner_.confirm_s > 0 && monotonic_us() > deadline_us_;
        auto done = stop_.wanted() ? interrupted() : late ? too_late() : act();
        if (!done) {
            touched_.failed(done.error());
        }
    }

    static Result<> interrupted() {
        return fail(Exit::no, "", "interrupted: what was done is put back");
    }

    static Result<> too_late() {
        return fail(Exit::world, "",
                    "took longer than --confirm allows: what was done is put back");
    }

    // What one target puts back by itself, and writes when it is confirmed.
    Armed to_arm(const std::string& host) const {
        Armed armed;
        armed.id = id_;
        armed.by = fmt::format("{}, process {}", who_we_are(), own_mark().pid);
        armed.command = our_command();
        armed.saved = of_hosts(saved_, {host});
        for (const HostPlan& plan : plan_.hosts) {
            if (plan.host == host && plan.wanted_boot != plan.current_boot) {
                armed.boot.push_back({plan_.boot_path, plan.wanted_boot});
            }
        }
        for (const GatewayPlan& plan : plan_.gateways) {
            if (plan.pair.to->host == host && plan.wanted_file != plan.current_file) {
                armed.boot.push_back({plan.pair.to->vipd_config, plan.wanted_file});
            }
        }
        return armed;
    }

    Result<> boot_file(const HostPlan& plan) {
        const auto remote = Remote::to(plan.host);
        if (!remote) {
            return tl::unexpected(remote.error());
        }
        return write(*remote, plan_.boot_path, plan.current_boot, plan.wanted_boot);
    }

    Result<> host(const HostPlan& plan) {
        const auto remote = Remote::to(plan.host);
        if (!remote) {
            return tl::unexpected(remote.error());
        }
        auto same = expect(*remote, plan_.map, plan.current, plan.current_dump,
                           "has changed since the plan was made");
        if (!same) {
            return same;
        }
        const auto more = kept_there(*remote, plan);
        if (!more) {
            return tl::unexpected(more.error());
        }
        if (auto ours = holds_.expect(plan.host); !ours) {
            return ours;
        }
        touched_.tables(plan.host);
        if (auto loaded = load(*remote, plan, *more); !loaded) {
            return loaded;
        }
        return expect(*remote, plan_.map, plan.wanted, plan.wanted_dump,
                      "does not read back as it was loaded")
            .and_then([&] {
                return holds_.expect(plan.host);  // its time was not over meanwhile
            });
    }

    // nft's tables first: what iptables needs the names of goes with them.
    Result<> load(const Remote& remote, const HostPlan& plan, const std::string& more) const {
        const std::string armed = manner_.confirm_s > 0 ? id_ : "";
        return (plan.batch.empty() ? Result<>() : remote.run_batch(plan.batch + more, armed))
            .and_then([&] { return remote.run_steps(plan.steps); });
    }

    // What rules have added to sets of tables that are made anew.
    Result<std::string> kept_there(const Remote& remote, const HostPlan& plan) const {
        const bool any =
            std::any_of(saved_.tables.begin(), saved_.tables.end(), [&](const SavedTable& table) {
                return table.host == plan.host && !table.learned.empty() &&
                       remakes(plan.batch, table.family, table.name);
            });
        if (!any) {
            return "";
        }
        return remote.learned(plan.current).map([&](const std::vector<Learned>& learned) {
            return kept(plan.batch, plan.wanted, learned);
        });
    }

    Result<> gateway(const GatewayPlan& plan) {
        const bool rewrite = plan.wanted_file != plan.current_file;
        const auto remote = Remote::to(plan.pair.to->host);
        if (!remote) {
            return tl::unexpected(remote.error());
        }
        if (!rewrite && !plan.reload) {
            return {};
        }
        if (auto ours = holds_.expect(plan.pair.to->host); !ours) {
            return ours;
        }
        const bool confirmed_later = manner_.confirm_s > 0;
        if (confirmed_later && !manner_.reload) {
            return {};  // its file is written when it is confirmed
        }
        const std::string& path = plan.pair.to->vipd_config;
        auto written =
            rewrite ? write(*remote, path, plan.current_file, plan.wanted_file) : Result<>();
        if (!written || !manner_.reload) {
            return written;
        }
        auto done = remote->reload(plan.pair.to->vipd_socket).and_then([&] {
            return expect_in_force(*remote, plan);
        });
        return done && rewrite && confirmed_later
                   ? remote->write_file(path, plan.current_file, sha256(plan.wanted_file))
                   : done;
    }

    Result<> write(const Remote& remote, const std::string& path, const std::string& current,
                   const std::string& wanted) {
        touched_.file(remote.name(), path);
        auto done = remote.write_file(path, wanted, sha256(current));
        if (!done) {
            return done;
        }
        const auto now = remote.read_file(path);
        if (!now || *now != wanted) {
            return fail(Exit::world, remote.name() + ": " + path,
                        now ? "does not read back as it was written" : now.error().text());
        }
        return {};
    }

    Result<> expect_in_force(const Remote& remote, const GatewayPlan& plan) const {
        const auto config = remote.config(plan.pair.to->vipd_socket);
        if (!config) {
            return tl::unexpected(config.error());
        }
        const auto now = read_offer(*config, remote.name(), in_prefixes(plan_.prefixes));
        if (!now || canonical(now->offer) != plan.wanted_offer) {
            return fail(Exit::world, remote.name() + ": vipctl config",
                        "does not show what was written");
        }
        return {};
    }

    const Plan& plan_;
    const Manner& manner_;
    const StopSignal& stop_;
    const Saved& saved_;
    Touched touched_;
    Holds holds_;
    // One for all targets: by it `lbsync confirm` knows which of them belong together.
    const std::string id_ =
        sha256(fmt::format("{} {} {}", who_we_are(), now_us(), own_mark().pid)).substr(0, 16);
    std::vector<std::string> asked_;  // to be armed
    std::string until_;
    int64_t deadline_us_ = 0;
};

// What rules have added to sets of the tables that are to be changed.
Checked<void> read_all_learned(const Plan& plan, Saved& saved, unsigned at_once) {
    std::vector<Result<std::vector<Learned>>> learned(plan.hosts.size());
    std::vector<Task> tasks;
    for (size_t i = 0; i < plan.hosts.size(); ++i) {
        const HostPlan& host = plan.hosts[i];
        if (!host.batch.empty() && has_dynamic_sets(host.current)) {
            tasks.emplace_back([&host, &place = learned[i]] {
                place = Remote::to(host.host).and_then(
                    [&](const Remote& remote) { return remote.learned(host.current); });
            });
        }
    }
    run_at_once(tasks, at_once, "reading what sets have learned");
    std::vector<Error> errors;
    for (size_t i = 0; i < plan.hosts.size(); ++i) {
        if (learned[i]) {
            note_learned(saved, plan.hosts[i].host, *learned[i]);
        } else {
            errors.push_back(learned[i].error());
        }
    }
    return errors.empty() ? Checked<void>() : tl::unexpected(std::move(errors));
}

// An existing state file is gone on with, never lost: the apply that wrote it may have broken off.
Checked<void> write_state(const Plan& plan, Saved saved, const std::string& path) {
    if (path.empty()) {
        return {};
    }
    if (std::filesystem::exists(path)) {
        const auto text = read_file(path);
        const auto earlier =
            text ? parse_saved(path, *text) : tl::unexpected(std::vector<Error>{text.error()});
        if (!earlier) {
            return tl::unexpected(earlier.error());
        }
        saved = continued(*earlier, std::move(saved), plan);
    }
    auto done = write_file_atomically(path, to_json(saved).dump(1) + "\n");
    return done ? Checked<void>() : tl::unexpected(std::vector<Error>{done.error()});
}

}  // namespace

namespace {

Result<> check(const HostPlan& host) {
    const auto remote = Remote::to(host.host);
    if (!remote) {
        return tl::unexpected(remote.error());
    }
    return (host.batch.empty() ? Result<>() : remote->check_batch(host.batch)).and_then([&] {
        return remote->run_steps(trials(host.steps));
    });
}

}  // namespace

Checked<void> check(const Plan& plan, unsigned at_once) {
    std::vector<Result<>> results(plan.hosts.size());
    std::vector<Task> tasks;
    for (size_t i = 0; i < plan.hosts.size(); ++i) {
        if (const HostPlan& host = plan.hosts[i]; host.changes_rules()) {
            tasks.emplace_back([&host, &result = results[i]] { result = check(host); });
        }
    }
    run_at_once(tasks, at_once, "checking");
    std::vector<Error> errors;
    for (const Result<>& result : results) {
        if (!result) {
            errors.push_back(result.error());
        }
    }
    return errors.empty() ? Checked<void>() : tl::unexpected(std::move(errors));
}

Carried carry(const Plan& plan, const Manner& manner, const StopSignal& stop) {
    Saved saved = to_save(plan, manner.reload);
    saved.at = iso8601(now_us());
    Carrier carrier(plan, manner, stop, saved);
    const auto ready = carrier.lock()
                           .and_then([&] { return read_all_learned(plan, saved, manner.at_once); })
                           .and_then([&] { return write_state(plan, saved, manner.state_file); })
                           .and_then([&] { return carrier.arm(); });
    if (!ready) {
        Carried nothing{ready.error(), {}, {}};
        carrier.disarm(nothing.undone.left_undone);
        return nothing;
    }
    carrier.all();
    Carried carried{carrier.touched().take_failures(), {}, carrier.until()};
    if (!carried.failures.empty()) {
        // A table that did not read back is neither as before nor as wanted: by force.  A file that
        // somebody else has changed meanwhile is theirs.
        carried.undone =
            undo(carrier.touched().saved(), {.tables = true, .files = false}, manner.at_once);
        carrier.disarm(carried.undone.left_undone);
        carried.until.clear();
    }
    return carried;
}

}  // namespace rehome::lbsync
