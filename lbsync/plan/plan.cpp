#include "lbsync/plan/plan.h"
#include "lbsync/side/beside.h"
#include "lbsync/side/kernel_policy.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/iptables/host_dump.h"
#include "lbsync/iptables/pieces.h"
#include "lbsync/kernel/hook_order.h"
#include "lbsync/kernel/xt_tables.h"
#include "lbsync/mapping/policy_image.h"
#include "lbsync/nft/canonical.h"
#include "lbsync/plan/batch.h"
#include "lbsync/plan/boot_file.h"
#include "lbsync/plan/translate.h"
#include "lbsync/plan/translate_dump.h"
#include "lbsync/plan/vipd_config.h"
#include "lbsync/side/beside.h"
#include "lbsync/side/kernel_policy.h"

namespace rehome::lbsync {

namespace {

void append(std::vector<Doubt>& doubts, std::vector<Doubt> more) {
    doubts.insert(doubts.end(), more.begin(), more.end());
}

void append(std::vector<Change>& changes, std::vector<Change> more) {
    changes.insert(changes.end(), more.begin(), more.end());
}

std::string text_of(const std::vector<iptables::Piece>& pieces) {
    std::string text;
    for (const iptables::Piece& piece : pieces) {
        text += digest(&piece);
    }
    return text;
}

// Whether iptables' legacy backend has tables beside those of nf_tables.  Which of two chains at
// one hook and priority comes first is then not known, and the proof alone asks whether it matters.
bool mixes(const Reading& reading) {
    if (reading.iptables == nullptr || reading.kernel == nullptr ||
        reading.kernel->tables.empty()) {
        return false;
    }
    const auto& saves = reading.iptables->dump.saves;
    return std::any_of(saves.begin(), saves.end(), [](const iptables::Save& save) {
        return save.backend == iptables::Backend::legacy && !save.tables.empty();
    });
}

class Planner {
public:
    Planner(Mapping mapping, MapFile map, const std::vector<Prefix>& prefixes,
            std::string boot_path)
        : mapping_(std::move(mapping)), in_scope_(in_prefixes(prefixes)) {
        plan_.boot_path = std::move(boot_path);
        plan_.map = std::move(map);
    }

    // All pairs' interfaces are known before the first host is looked at: their VLANs are numbers.
    void interfaces(const HostPair& pair) {
        pairs_[pair.from] = interfaces_of(pair, plan_.map, errors_);
        mapping_.add_vlans(pairs_[pair.from]);
    }

    void host(HostState state) {
        leave_alone(state);
        const Interfaces& interfaces = pairs_[state.pair.from];
        append(plan_.doubts, state.from.doubts);
        append(plan_.doubts, state.to.doubts);
        from_ += state.pair.from + "\n" + canonical(state.from.ruleset);
        to_ += state.pair.to + "\n" + canonical(state.to.ruleset);

        HostPlan plan{state.pair.to, state.to.ruleset, {}, {}};
        plan.wanted = translate(state.from.ruleset, mapping_, interfaces, state.pair.from, errors_);
        plan.batch = batch(plan.current, plan.wanted);
        boot(state, plan);
        order(state, !plan.batch.empty());
        auto changes = differences(plan.current, plan.wanted, plan.host);
        append(changes, dump(state, plan));
        if (plan_.doubts.empty() && errors_.empty()) {
            const bool alike = changes.empty() && !mixes(state.from) && !mixes(state.to);
            plan_.proofs.push_back(
                alike ? HostProof{plan.host}
                      : prove(state.from, state.to, state.pair, mapping_, interfaces));
        }
        append(plan_.changes, std::move(changes));
        outside(state);
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
    void leave_alone(HostState& state) {
        if (!plan_.map.keep.empty()) {
            append(
                plan_.doubts,
                side::order_beside(side::kernel_policy(state.from, state.pair.from),
                                   side::kernel_policy(state.to, state.pair.to), plan_.map, true));
        }
        for (auto [reading, host, side] : {std::tuple(&state.from, &state.pair.from, SideOf::from),
                                           std::tuple(&state.to, &state.pair.to, SideOf::to)}) {
            const auto found = lbsync::leave_alone(*reading, *host, side, plan_.map);
            plan_.left_alone.insert(plan_.left_alone.end(), found.begin(), found.end());
        }
    }

    // What iptables and ipset have, carried as what they print.
    std::vector<Change> dump(const HostState& state, HostPlan& plan) {
        const iptables::Dump none;
        plan.current_dump = state.to.iptables ? state.to.iptables->dump : none;
        const iptables::Dump& from = state.from.iptables ? state.from.iptables->dump : none;
        auto wanted = translate(from, mapping_, pairs_[state.pair.from], state.pair.from, errors_);
        append(plan_.doubts, std::move(wanted.doubts));
        plan.wanted_dump = std::move(wanted.dump);
        tell_named_twice(state, plan);
        const auto now = pieces(plan.current_dump);
        from_ += text_of(pieces(from));
        to_ += text_of(now);
        auto changes = differences(now, pieces(plan.wanted_dump), plan.host);
        if (changes.empty()) {
            return changes;
        }
        auto steps = iptables::steps(plan.current_dump, plan.wanted_dump);
        if (steps) {
            plan.steps = std::move(*steps);
        } else {
            plan_.doubts.push_back({plan.host, steps.error()});
        }
        return changes;
    }

    // The nft backend keeps its tables among nft's own.
    void tell_named_twice(const HostState& state, const HostPlan& plan) {
        for (const auto& [ruleset, dump, host] :
             {std::tuple(&plan.wanted, &plan.current_dump, &state.pair.from),
              std::tuple(&plan.current, &plan.wanted_dump, &state.pair.to)}) {
            for (const Table& table : ruleset->tables) {
                if (kernel::shows(*dump, table.family, table.name)) {
                    plan_.doubts.push_back(
                        {*host, fmt::format("{} is nft's own here, and iptables' at the other "
                                            "site: lbsync does not turn one into the other",
                                            table.title())});
                }
            }
        }
    }

    // Chains that do not commute run in the order in which they were registered, of which a batch
    // has no say: what it makes anew comes first.
    void order(const HostState& state, bool batch) {
        if (!state.from.kernel || !state.to.kernel) {
            return;
        }
        append(plan_.doubts,
               kernel::unknown_beside(
                   *state.from.kernel, *state.to.kernel,
                   {state.pair.to, belongs_to_others, [&](const std::string& name) {
                        return map_interface(pairs_[state.pair.from], name).value_or(name);
                    }}));
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

    // Where a host's lbsync has told nothing there is a doubt already.
    void outside(const HostState& state) {
        if (!state.from.outside || !state.to.outside) {
            return;
        }
        plan_.outside.push_back(
            outside::compare(*state.from.outside, *state.to.outside,
                             {state.pair.from, state.pair.to,
                              Images::of(mapping_, pairs_[state.pair.from]), false}));
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

    Mapping mapping_;
    std::map<std::string, Interfaces> pairs_;  // by the old host
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
    const bool outside_differs =
        std::any_of(outside.begin(), outside.end(),
                    [](const outside::Comparison& one) { return !one.differences.empty(); });
    const bool outside_unknown =
        std::any_of(outside.begin(), outside.end(),
                    [](const outside::Comparison& one) { return !one.doubts.empty(); });
    const bool others = std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
        return !change.object.starts_with("table ") && !change.object.starts_with("ipset ");
    });
    if (others || outside_differs || proven(HostProof::How::differs)) {
        return Exit::no;
    }
    return proven(HostProof::How::unknown) || outside_unknown || !unconfirmed.empty()
               ? Exit::unknown
               : Exit::yes;
}

Checked<Plan> make_plan(const Inventory& inventory, const Move& move, const Pairs& pairs,
                        const State& state, const MapFile& map) {
    const auto mapping = Mapping::make(inventory, move, pairs, map);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    Planner planner(*mapping, map, inventory.prefixes, state.boot_path);
    for (const HostState& host : state.hosts) {
        planner.interfaces(host.pair);
    }
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
        plan->unmatched = unmatched(map, plan->left_alone);
    }
    return plan;
}

}  // namespace rehome::lbsync
