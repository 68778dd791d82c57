#include "lbsync/iptables/meaning.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "lbsync/iptables/context.h"
#include "lbsync/iptables/print.h"

namespace rehome::lbsync::iptables {

namespace {

using policy::Stage;
using policy::Verdict;

struct Place {
    std::string_view table;
    std::string_view chain;
    Stage stage;
    int priority;
};

// Where the kernel registers the built-in chains (include/uapi/linux/netfilter_ipv4.h); those of
// IPv6 stand at the same priorities.
constexpr std::array places{
    Place{"raw", "PREROUTING", Stage::prerouting, -300},
    Place{"raw", "OUTPUT", Stage::output, -300},
    Place{"mangle", "PREROUTING", Stage::prerouting, -150},
    Place{"mangle", "INPUT", Stage::input, -150},
    Place{"mangle", "FORWARD", Stage::forward, -150},
    Place{"mangle", "OUTPUT", Stage::output, -150},
    Place{"mangle", "POSTROUTING", Stage::postrouting, -150},
    Place{"nat", "PREROUTING", Stage::prerouting, -100},
    Place{"nat", "OUTPUT", Stage::output, -100},
    Place{"nat", "INPUT", Stage::input, 100},
    Place{"nat", "POSTROUTING", Stage::postrouting, 100},
    Place{"filter", "INPUT", Stage::input, 0},
    Place{"filter", "FORWARD", Stage::forward, 0},
    Place{"filter", "OUTPUT", Stage::output, 0},
    Place{"security", "INPUT", Stage::input, 50},
    Place{"security", "FORWARD", Stage::forward, 50},
    Place{"security", "OUTPUT", Stage::output, 50},
};

const Place* place_of(const Table& table, const Chain& chain) {
    const auto found = std::find_if(places.begin(), places.end(), [&](const Place& place) {
        return place.table == table.name && place.chain == chain.name;
    });
    return found == places.end() ? nullptr : found;
}

// One table's chains, appended to the policy.
class TableReader {
public:
    TableReader(const Table& table, const Context& context, std::string where,
                policy::Policy& policy)
        : table_(table),
          context_(context),
          where_(std::move(where)),
          policy_(policy),
          base_(policy.chains.size()),
          reached_(table.chains.size()) {
        for (size_t i = 0; i < table.chains.size(); ++i) {
            index_.emplace(table.chains[i].name, i);
        }
    }

    void read() {
        for (size_t i = 0; i < table_.chains.size(); ++i) {
            open(table_.chains[i]);
            if (const Place* place = place_of(table_, table_.chains[i])) {
                const bool source =
                    place->stage == Stage::postrouting || place->stage == Stage::input;
                reach(i, source ? Reached{false, true} : Reached{true, false});
            }
        }
        for (size_t i = 0; i < table_.chains.size(); ++i) {
            chain_ = i;
            for (const Rule& rule : table_.chains[i].rules) {
                this->rule(rule);
            }
        }
    }

private:
    void open(const Chain& chain) {
        policy::Chain opened{
            .name = chain.name,
            .where = fmt::format("{} {}", where_, chain.name),
            .hook = {},
            .rules = {},
            .table =
                fmt::format("{} {}", context_.family == Family::v4 ? "ip" : "ip6", table_.name)};
        const Place* const place = place_of(table_, chain);
        if ((place != nullptr) != (chain.policy != "-")) {
            doubt(opened.where, place != nullptr ? "has no policy" : "is no chain of this table");
        }
        if (place != nullptr) {
            const auto kind = chain.policy == "DROP" ? Verdict::Kind::drop : Verdict::Kind::accept;
            opened.hook = policy::Hook{
                .layer = context_.family == Family::v4 ? policy::Layer::ip4 : policy::Layer::ip6,
                .stage = place->stage,
                .priority = place->priority,
                .rank = {},
                .nat = table_.name == "nat",
                .route = table_.name == "mangle" && place->stage == Stage::output,
                .policy = Verdict{kind, {}, 0},
                .devices = {}};
        }
        policy_.chains.push_back(std::move(opened));
    }

    // Each chain once for each way to be reached; there are no circles.
    void reach(size_t first, Reached from) {
        std::vector<size_t> left{first};
        while (!left.empty()) {
            const size_t chain = left.back();
            left.pop_back();
            Reached& known = reached_[chain];
            if ((!from.source || known.source) && (!from.destination || known.destination)) {
                continue;
            }
            known.source |= from.source;
            known.destination |= from.destination;
            for (const Rule& rule : table_.chains[chain].rules) {
                if (const auto to = target_chain(rule)) {
                    left.push_back(*to);
                }
            }
        }
    }

    std::optional<size_t> target_chain(const Rule& rule) const {
        for (const Part& part : rule.parts) {
            const auto to = part.kind == Part::Kind::target ? index_.find(part.name) : index_.end();
            if (to != index_.end()) {
                return to->second;
            }
        }
        return {};
    }

    void rule(const Rule& rule) {
        policy::Chain& chain = policy_.chains[base_ + chain_];
        policy::Rule meant{.steps = {}, .number = rule.line, .words = print(rule)};
        auto steps = steps_of(rule);
        if (steps) {
            meant.steps = std::move(*steps);
        } else {
            doubt(policy::place(chain, meant),
                  fmt::format("{}: {}", steps.error(), in_quotes(meant.words)));
        }
        chain.rules.push_back(std::move(meant));
    }

    // iptables looks at addresses, interfaces and the protocol before it asks the first match.
    Read<Steps> steps_of(const Rule& rule) const {
        if (!rule.unknown.empty()) {
            return tl::unexpected(rule.unknown + " is not known");
        }
        Steps steps;
        for (const auto kind : {Part::Kind::base, Part::Kind::match, Part::Kind::target}) {
            for (size_t i = 0; i < rule.parts.size(); ++i) {
                if (rule.parts[i].kind != kind) {
                    continue;
                }
                auto more = part_steps(rule, i);
                if (!more) {
                    return more;
                }
                std::move(more->begin(), more->end(), std::back_inserter(steps));
            }
        }
        return steps;
    }

    Read<Steps> part_steps(const Rule& rule, size_t at) const {
        const Part& part = rule.parts[at];
        if (part.kind == Part::Kind::base) {
            return base_steps(part, context_);
        }
        if (part.kind == Part::Kind::match) {
            return match_steps(rule, at, context_);
        }
        if (const auto chain = index_.find(part.name); chain != index_.end()) {
            const bool go = part.option == "-g" || part.option == "--goto";
            return Steps{Verdict{
                go ? Verdict::Kind::go_to : Verdict::Kind::jump, {}, base_ + chain->second}};
        }
        return target_steps(rule, at, context_, reached_[chain_]);
    }

    void doubt(std::string where, std::string what) {
        policy_.doubts.push_back({std::move(where), std::move(what)});
    }

    const Table& table_;
    const Context& context_;
    std::string where_;
    policy::Policy& policy_;
    size_t base_;  // of its chains in the policy
    std::unordered_map<std::string, size_t> index_;
    std::vector<Reached> reached_;
    size_t chain_ = 0;  // the one that is read
};

std::string_view program(Family family) {
    return family == Family::v4 ? "iptables" : "ip6tables";
}

}  // namespace

policy::Policy meaning(const Dump& dump, const std::string& where) {
    policy::Policy policy;
    const Sets sets(dump);
    for (const Warning& warning : dump.warnings) {
        policy.doubts.push_back({fmt::format("{}:{}", where, warning.line), warning.words});
    }
    for (const Save& save : dump.saves) {
        const Context context{save.family, sets};
        for (const Table& table : save.tables) {
            TableReader(table, context,
                        fmt::format("{}: {} {}", where, program(save.family), table.name), policy)
                .read();
        }
    }
    return policy;
}

}  // namespace rehome::lbsync::iptables
