#include "lbsync/kernel/to_policy.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "lbsync/kernel/hook_order.h"
#include "lbsync/kernel/rule_steps.h"

namespace rehome::lbsync::kernel {

namespace {

using policy::Layer;
using policy::Stage;

Layer layer_of(std::string_view family) {
    if (family == "ip") {
        return Layer::ip4;
    }
    if (family == "ip6") {
        return Layer::ip6;
    }
    if (family == "arp") {
        return Layer::arp;
    }
    if (family == "bridge") {
        return Layer::bridge;
    }
    return family == "netdev" ? Layer::netdev : Layer::inet;
}

// By the kernel's numbers: NF_INET_*, NF_ARP_*, NF_BR_*, NF_NETDEV_*.
std::optional<Stage> stage_of(Layer layer, uint64_t hook) {
    static constexpr Stage of_ip[] = {Stage::prerouting, Stage::input,       Stage::forward,
                                      Stage::output,     Stage::postrouting, Stage::ingress};
    static constexpr Stage of_arp[] = {Stage::input, Stage::output, Stage::forward};
    static constexpr Stage of_netdev[] = {Stage::ingress, Stage::egress};
    const auto at = [hook](std::span<const Stage> stages) {
        return hook < stages.size() ? std::optional(stages[hook]) : std::nullopt;
    };
    return layer == Layer::arp ? at(of_arp) : layer == Layer::netdev ? at(of_netdev) : at(of_ip);
}

class Writer {
public:
    Writer(const Ruleset& ruleset, const Naming& naming) : ruleset_(ruleset), naming_(naming) {}

    policy::Policy write() {
        for (const Table& table : ruleset_.tables) {
            if (!naming_.skipped(table.name())) {
                write(table);
            }
        }
        return std::move(policy_);
    }

private:
    void write(const Table& table) {
        const Sets sets(table);
        TableContext context{table, sets, {&ruleset_, {}}};
        const size_t first = policy_.chains.size();
        for (const Chain& chain : table.chains) {
            const std::string name = chain.self.node.text("name");
            context.chains[name] = policy_.chains.size();
            policy_.chains.push_back({name,
                                      fmt::format("{}: table {} {}: chain {}", naming_.where,
                                                  table.family, table.name(), name),
                                      {},
                                      {},
                                      table.family + " " + table.name()});
        }
        for (size_t i = 0; i < table.chains.size(); ++i) {
            write(table.chains[i], policy_.chains[first + i], context);
        }
    }

    void write(const Chain& from, policy::Chain& chain, TableContext& context) {
        constexpr uint64_t dormant = 1;
        const bool asleep = (context.table.self.node.number("flags") & dormant) != 0;
        if (from.self.node.node("hook") != nullptr && !asleep) {
            hook(from, chain, context.table);
        }
        const std::string title = context.table.family + " " + context.table.name();
        for (const Part& part : from.rules) {
            const uint64_t handle = part.node.number("handle");
            policy::Rule rule{{}, handle, naming_.words(title, handle)};
            auto steps = rule_steps(part.node, context);
            if (steps) {
                rule.steps = std::move(*steps);
            } else {
                doubt(fmt::format("{}: handle {}", chain.where, handle),
                      fmt::format("{}: {}", in_quotes(rule.words), steps.error()));
            }
            chain.rules.push_back(std::move(rule));
        }
    }

    void hook(const Chain& from_chain, policy::Chain& chain, const Table& table) {
        const Node& node = from_chain.self.node;
        const Node& from = *node.node("hook");
        policy::Hook hook;
        hook.layer = layer_of(table.family);
        const auto stage = stage_of(hook.layer, from.number("hooknum"));
        if (!stage) {
            doubt(chain.where, fmt::format("hook {} is unknown", from.number("hooknum")));
            return;
        }
        hook.stage = *stage;
        hook.priority = static_cast<int32_t>(static_cast<uint32_t>(from.number("priority")));
        hook.nat = node.text("type") == "nat";
        hook.route = node.text("type") == "route";
        const bool drops = node.find("policy") != nullptr && node.number("policy") == 0;
        hook.policy.kind = drops ? policy::Verdict::Kind::drop : policy::Verdict::Kind::accept;
        if (from.find("dev") != nullptr) {
            device(from.text("dev"), hook);
        }
        for (const Node& one : from.nodes("devices")) {
            device(one.text("name"), hook);
        }
        const bool both = hook.layer == Layer::inet;
        hook.rank = rank(ruleset_, table, from_chain, both ? "ip" : "");
        hook.rank6 = both ? rank(ruleset_, table, from_chain, "ip6") : std::nullopt;
        if (both && !hook.rank6) {
            hook.rank = {};
        }
        chain.hook = std::move(hook);
    }

    // A single device is told twice, as such and as a list of one.
    static void device(const std::string& name, policy::Hook& hook) {
        if (std::find(hook.devices.begin(), hook.devices.end(), name) == hook.devices.end()) {
            hook.devices.push_back(name);
        }
    }

    void doubt(std::string where, std::string what) {
        policy_.doubts.push_back({std::move(where), std::move(what)});
    }

    const Ruleset& ruleset_;
    const Naming& naming_;
    policy::Policy policy_;
};

}  // namespace

policy::Policy to_policy(const Ruleset& ruleset, const Naming& naming) {
    return Writer(ruleset, naming).write();
}

}  // namespace rehome::lbsync::kernel
