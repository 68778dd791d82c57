#include "lbsync/plan/plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/kernel/hook_order.h"
#include "lbsync/nft/canonical.h"
#include "lbsync/plan/batch.h"
#include "lbsync/plan/boot_file.h"
#include "lbsync/plan/translate.h"
#include "lbsync/plan/vipd_config.h"

namespace rehome::lbsync {

namespace {

void append(std::vector<Doubt>& doubts, std::vector<Doubt> more) {
    doubts.insert(doubts.end(), more.begin(), more.end());
}

void append(std::vector<Change>& changes, std::vector<Change> more) {
    changes.insert(changes.end(), more.begin(), more.end());
}

class Planner {
public:
    Planner(const Mapping& mapping, const std::vector<Prefix>& prefixes, std::string boot_path)
        : mapping_(mapping), in_scope_(in_prefixes(prefixes)) {
        plan_.boot_path = std::move(boot_path);
    }

    void host(const HostState& state) {
        append(plan_.doubts, state.from.doubts);
        append(plan_.doubts, state.to.doubts);
        from_ += state.pair.from + "\n" + canonical(state.from.ruleset);
        to_ += state.pair.to + "\n" + canonical(state.to.ruleset);

        HostPlan plan{state.pair.to, state.to.ruleset, {}, {}};
        plan.wanted = translate(state.from.ruleset, mapping_, state.pair.interfaces,
                                state.pair.from, errors_);
        plan.batch = batch(plan.current, plan.wanted);
        boot(state, plan);
        order(state, !plan.batch.empty());
        auto changes = differences(plan.current, plan.wanted, plan.host);
        if (plan_.doubts.empty() && errors_.empty()) {
            plan_.proofs.push_back(
                prove(plan.wanted, plan.current, state.pair.from, plan.host, changes.empty()));
        }
        append(plan_.changes, std::move(changes));
        plan_.hosts.push_back(std::move(plan));
    }

    void gateway(const GatewayState& state) {
        const Gateway& from = *state.pair.from;
        const Gateway& to = *state.pair.to;
        const std::string old_place = from.host + ": " + from.vipd_config;
        const auto offered = offer(state.from_file, old_place);
        const auto there = offer(state.to_file, to.host + ": " + to.vipd_config);
        if (!offered || !there) {
            return;
        }
        from_ += from.name + "\n" + canonical(offered->offer);
        to_ += to.name + "\n" + canonical(there->offer);

        const auto wanted =
            translate(offered->offer, mapping_, there->offer.pools, old_place, errors_);
        GatewayPlan plan{state.pair, state.to_file, state.to_file, canonical(wanted), false};
        auto changes = differences(there->offer, wanted, to.host);
        if (!changes.empty()) {
            plan.wanted_file = with_offer(state.to_file, wanted, in_scope_);
        }
        append(plan_.changes, std::move(changes));
        in_force(state, plan);
        plan_.gateways.push_back(std::move(plan));
    }

    Checked<Plan> take() {
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        plan_.from_digest = sha256(from_);
        plan_.to_digest = sha256(to_);
        return std::move(plan_);
    }

private:
    // Chains that do not commute run in the order in which they were registered, of which a batch
    // has no say: what it makes anew comes first.
    void order(const HostState& state, bool batch) {
        if (!state.from.kernel || !state.to.kernel) {
            return;
        }
        const auto from = kernel::known_order(*state.from.kernel);
        const auto to = kernel::known_order(*state.to.kernel);
        for (const std::string& line : from) {
            if (batch || std::find(to.begin(), to.end(), line) == to.end()) {
                plan_.doubts.push_back(
                    {state.pair.to, fmt::format("the order of {} is policy at {}, and apply cannot "
                                                "promise it here",
                                                line, state.pair.from)});
            }
        }
    }

    std::optional<OfferReading> offer(std::string_view text, const std::string& where) {
        auto read = read_offer(text, where, in_scope_);
        if (!read) {
            errors_.insert(errors_.end(), read.error().begin(), read.error().end());
            return {};
        }
        append(plan_.doubts, read->doubts);
        return std::move(*read);
    }

    // What the target loads at boot is a file of ours, or nothing yet.
    void boot(const HostState& state, HostPlan& plan) {
        if (!state.boot) {
            return;
        }
        if (!is_our_boot_file(*state.boot)) {
            errors_.push_back({Exit::usage, plan.host + ": " + plan_.boot_path,
                               "holds what lbsync has not written, expected a file of its own, "
                               "empty at first, that the host's boot file includes"});
            return;
        }
        plan.current_boot = *state.boot;
        plan.wanted_boot = boot_file(*state.boot, plan.current, plan.wanted);
        if (plan.wanted_boot != plan.current_boot) {
            plan_.changes.push_back({plan.host,
                                     "boot file " + plan_.boot_path,
                                     Change::Kind::change,
                                     {"+ what stands here, at the next boot too"}});
        }
    }

    // The file may be right and not loaded: that is a change too.
    void in_force(const GatewayState& state, GatewayPlan& plan) {
        if (!state.in_force) {
            return;
        }
        const std::string where = state.pair.to->host + ": vipctl config";
        const auto now = offer(*state.in_force, where);
        if (!now) {
            return;
        }
        to_ += where + "\n" + canonical(now->offer);
        plan.reload = canonical(now->offer) != plan.wanted_offer;
        if (plan.reload && plan.wanted_file == plan.current_file) {
            plan_.changes.push_back({state.pair.to->host,
                                     "configuration in force",
                                     Change::Kind::change,
                                     {"+ reload: what the file offers is not in force"}});
        }
    }

    const Mapping& mapping_;
    InScope in_scope_;
    Plan plan_;
    std::vector<Error> errors_;
    std::string from_;  // what the digests are taken of
    std::string to_;
};

}  // namespace

Exit Plan::verdict() const {
    if (!unread.empty()) {
        return Exit::world;
    }
    if (!doubts.empty()) {
        return Exit::unknown;
    }
    const auto proven = [&](HostProof::How how) {
        return std::any_of(proofs.begin(), proofs.end(),
                           [&](const HostProof& proof) { return proof.how == how; });
    };
    // What is not told of a host with a proof is told of services and files.
    const bool others = std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
        return !change.object.starts_with("table ");
    });
    if (others || proven(HostProof::How::differs)) {
        return Exit::no;
    }
    return proven(HostProof::How::unknown) || !unconfirmed.empty() ? Exit::unknown : Exit::yes;
}

Checked<Plan> make_plan(const Inventory& inventory, const Move& move, const Pairs& pairs,
                        const State& state) {
    const auto mapping = Mapping::make(inventory, move, pairs);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    Planner planner(*mapping, inventory.prefixes, state.boot_path);
    for (const HostState& host : state.hosts) {
        planner.host(host);
    }
    for (const GatewayState& gateway : state.gateways) {
        planner.gateway(gateway);
    }
    auto plan = planner.take();
    if (!plan) {
        plan.error().insert(plan.error().end(), state.unread.begin(), state.unread.end());
    } else {
        plan->unread = state.unread;
        plan->unconfirmed = state.unconfirmed;
        plan->from = move.from->name;
        plan->to = move.to->name;
        plan->skipped = pairs.skipped;
        plan->prefixes = inventory.prefixes;
    }
    return plan;
}

}  // namespace rehome::lbsync
