#include "lbsync/adapter/carry.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"
#include "common/sha256.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/nft/canonical.h"
#include "lbsync/plan/vipd_config.h"

namespace rehome::lbsync {

namespace {

Result<> expect(const Remote& remote, const Ruleset& expected, std::string_view otherwise) {
    const auto reading = remote.ruleset();
    if (!reading) {
        return tl::unexpected(reading.error());
    }
    if (!reading->doubts.empty()) {
        const Doubt& doubt = reading->doubts.front();
        return fail(Exit::world, doubt.where, doubt.what);
    }
    const auto differs = differences(expected, reading->ruleset, remote.name());
    if (!differs.empty() || canonical(reading->ruleset) != canonical(expected)) {
        const std::string object = differs.empty() ? "its rule set" : differs.front().object;
        return fail(Exit::world, remote.name(), fmt::format("{} {}", object, otherwise));
    }
    return {};
}

// Goes through a plan, and knows what it has touched.
class Carrier {
public:
    Carrier(const Plan& plan, const Saved& saved, bool reload)
        : plan_(plan), saved_(saved), reload_(reload) {}

    Result<> all() {
        for (const HostPlan& plan : plan_.hosts) {
            auto done = plan.batch.empty() ? Result<>() : host(plan);
            if (!done) {
                return done;
            }
        }
        for (const GatewayPlan& plan : plan_.gateways) {
            if (auto done = gateway(plan); !done) {
                return done;
            }
        }
        return {};
    }

    const Saved& touched() const { return touched_; }

private:
    Result<> host(const HostPlan& plan) {
        const auto remote = Remote::to(plan.host);
        if (!remote) {
            return tl::unexpected(remote.error());
        }
        auto same = expect(*remote, plan.current, "has changed since the plan was made");
        if (!same) {
            return same;
        }
        std::copy_if(saved_.tables.begin(), saved_.tables.end(),
                     std::back_inserter(touched_.tables),
                     [&](const SavedTable& table) { return table.host == plan.host; });
        if (auto loaded = remote->run_batch(plan.batch); !loaded) {
            return loaded;
        }
        return expect(*remote, plan.wanted, "does not read back as it was loaded");
    }

    Result<> gateway(const GatewayPlan& plan) {
        const bool rewrite = plan.wanted_file != plan.current_file;
        const auto remote = Remote::to(plan.pair.to->host);
        if (!remote) {
            return tl::unexpected(remote.error());
        }
        auto written = rewrite ? file(*remote, plan) : Result<>();
        if (!written || !reload_ || (!rewrite && !plan.reload)) {
            return written;
        }
        if (auto done = remote->reload(plan.pair.to->vipd_socket); !done) {
            return done;
        }
        return expect_in_force(*remote, plan);
    }

    Result<> file(const Remote& remote, const GatewayPlan& plan) {
        const std::string& path = plan.pair.to->vipd_config;
        std::copy_if(
            saved_.files.begin(), saved_.files.end(), std::back_inserter(touched_.files),
            [&](const SavedFile& file) { return file.host == remote.name() && file.path == path; });
        auto done = remote.write_file(path, plan.wanted_file, sha256(plan.current_file));
        if (!done) {
            return done;
        }
        const auto now = remote.read_file(path);
        if (!now || *now != plan.wanted_file) {
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
    const Saved& saved_;
    bool reload_;
    Saved touched_;
};

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

Result<> check(const Plan& plan) {
    for (const HostPlan& host : plan.hosts) {
        if (host.batch.empty()) {
            continue;
        }
        auto done = Remote::to(host.host).and_then(
            [&](const Remote& remote) { return remote.check_batch(host.batch); });
        if (!done) {
            return done;
        }
    }
    return {};
}

Carried carry(const Plan& plan, bool reload, const std::string& state_file) {
    Carried carried;
    Saved saved = to_save(plan, reload);
    saved.at = iso8601(now_us());
    if (auto written = write_state(plan, saved, state_file); !written) {
        carried.failures = written.error();
        return carried;
    }
    Carrier carrier(plan, saved, reload);
    if (auto done = carrier.all(); !done) {
        carried.failures.push_back(done.error());
        // A table that did not read back is neither as before nor as wanted: by force.  A file that
        // somebody else has changed meanwhile is theirs.
        carried.undone = undo(carrier.touched(), {.tables = true, .files = false});
    }
    return carried;
}

}  // namespace rehome::lbsync
