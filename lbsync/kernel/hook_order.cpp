#include "lbsync/kernel/hook_order.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "lbsync/kernel/elements.h"
#include "lbsync/kernel/flow.h"

namespace rehome::lbsync::kernel {

namespace {

// Where packets pass: a family's hook, and the device of ingress and egress.
struct Place {
    std::string family;
    uint32_t hook = 0;
    std::string device;

    // NOLINTNEXTLINE(modernize-use-nullptr): it takes the 0 of the comparison for a pointer
    auto operator<=>(const Place&) const = default;
    std::string text() const {
        return fmt::format("{} hook {}{}", family, hook, device.empty() ? "" : " of " + device);
    }
};

constexpr uint32_t inet_ingress = 5;

std::vector<Place> places_of(const Table& table, const Chain& chain) {
    const Node* hook = chain.self.node.node("hook");
    constexpr uint64_t dormant = 1;
    if (hook == nullptr || (table.self.node.number("flags") & dormant) != 0) {
        return {};
    }
    const auto number = static_cast<uint32_t>(hook->number("hooknum"));
    const bool inet = table.family == "inet";
    if (inet && number != inet_ingress) {
        return {{"ip", number, ""}, {"ip6", number, ""}};
    }
    if (!inet && table.family != "netdev") {
        return {{table.family, number, ""}};
    }
    // A single device is told twice, as such and as a list of one.
    std::set<Place> places;
    const uint32_t netdev_hook = inet ? 0 : number;
    if (hook->find("dev") != nullptr) {
        places.insert({"netdev", netdev_hook, hook->text("dev")});
    }
    for (const Node& device : hook->nodes("devices")) {
        places.insert({"netdev", netdev_hook, device.text("name")});
    }
    return {places.begin(), places.end()};
}

// What a base chain does, with all that it jumps to.
class Effects {
public:
    explicit Effects(const Table& table) : table_(table), sets_(table) {}

    // Whether it does nothing but let through and drop, by what a packet is.
    bool pure(const Chain& chain) {
        const std::string name = chain.self.node.text("name");
        if (!seen_.insert(name).second) {
            return true;
        }
        return std::all_of(chain.rules.begin(), chain.rules.end(),
                           [&](const Part& rule) { return pure(rule); });
    }

private:
    bool pure(const Part& rule) {
        const auto normal = normal_form(rule.node, sets_);
        const bool sources =
            normal && std::none_of(normal->sources.begin(), normal->sources.end(),
                                   [](const Source& it) { return it.load.group == "numgen"; });
        return rule.unknown.empty() && sources &&
               std::all_of(normal->steps.begin(), normal->steps.end(), [&](const auto& step) {
                   return std::visit([&](const auto& it) { return pure(it); }, step);
               });
    }

    bool pure(const Test& test) {
        const Set* set = test.set.empty() ? nullptr : sets_.find(test.set);
        return set == nullptr || !sets_.dynamic(*set);
    }

    bool pure(const Verdict& it) { return pure(it.code, it.chain); }

    bool pure(int32_t code, const std::string& target) {
        constexpr int32_t accept = 1;
        if (target.empty()) {
            return code <= accept;  // no queue
        }
        const auto chain =
            std::find_if(table_.chains.begin(), table_.chains.end(),
                         [&](const Chain& it) { return it.self.node.text("name") == target; });
        return chain == table_.chains.end() || pure(*chain);
    }

    bool pure(const Act& act) {
        const Node& it = act.expression;
        if (it.group != "lookup") {
            return it.group == "counter" || it.group == "last";
        }
        const Set* set = sets_.find(it.text("set"));
        return set != nullptr && !sets_.dynamic(*set) &&
               std::all_of(set->elements.begin(), set->elements.end(), [&](const Node& element) {
                   const Node* data = element.node("data");
                   const Node* given = data == nullptr ? nullptr : data->node("verdict");
                   return given == nullptr ||
                          pure(static_cast<int32_t>(static_cast<uint32_t>(given->number("code"))),
                               given->text("chain"));
               });
    }

    const Table& table_;
    Sets sets_;
    std::set<std::string> seen_;
};

struct Hooked {
    const Table* table = nullptr;
    const Chain* chain = nullptr;
    bool pure = false;
    bool idle = false;  // no rules, and its policy is to accept

    std::string name() const {
        return fmt::format("{} {} {}", table->family, table->name(), chain->self.node.text("name"));
    }
    std::string title() const {
        return fmt::format("chain {} of table {} {}", chain->self.node.text("name"), table->family,
                           table->name());
    }
    bool commutes(const Hooked& other) const { return idle || other.idle || (pure && other.pure); }
};

using Rivals = std::map<std::pair<Place, int32_t>, std::vector<Hooked>>;

Rivals all_hooked(const Ruleset& ruleset) {
    Rivals rivals;
    for (const Table& table : ruleset.tables) {
        for (const Chain& chain : table.chains) {
            for (const Place& place : places_of(table, chain)) {
                const Node& self = chain.self.node;
                const auto priority = static_cast<int32_t>(
                    static_cast<uint32_t>(self.node("hook")->number("priority")));
                const bool drops = self.find("policy") != nullptr && self.number("policy") == 0;
                rivals[{place, priority}].push_back(
                    {&table, &chain, Effects(table).pure(chain), chain.rules.empty() && !drops});
            }
        }
    }
    return rivals;
}

std::optional<uint32_t> rank_at(const Ruleset& ruleset, const Place& place, const Table& table,
                                const Chain& chain) {
    if (!ruleset.hooks) {
        return {};
    }
    for (const HookOrder& order : *ruleset.hooks) {
        if (order.family != place.family || order.hook != place.hook ||
            order.device != place.device) {
            continue;
        }
        const HookedChain like{table.family, table.name(), chain.self.node.text("name")};
        const auto found = std::find(order.chains.begin(), order.chains.end(), like);
        if (found != order.chains.end()) {
            return static_cast<uint32_t>(found - order.chains.begin());
        }
    }
    return {};
}

template <typename Call>
void each_pair(const std::vector<Hooked>& ones, const std::vector<Hooked>& others, Call call) {
    for (const Hooked& one : ones) {
        for (const Hooked& other : others) {
            call(one, other);
        }
    }
}

bool is_there(const Hooked& chain, const Ruleset& target) {
    return std::any_of(target.tables.begin(), target.tables.end(), [&](const Table& table) {
        return table.family == chain.table->family && table.name() == chain.table->name() &&
               std::any_of(table.chains.begin(), table.chains.end(), [&](const Chain& it) {
                   return it.self.node.text("name") == chain.chain->self.node.text("name");
               });
    });
}

// Calls for each two that do not commute.
template <typename Call>
void each_rival(const Rivals& rivals, Call call) {
    for (const auto& [at, hooked] : rivals) {
        for (size_t i = 0; i < hooked.size(); ++i) {
            for (size_t j = i + 1; j < hooked.size(); ++j) {
                if (!hooked[i].commutes(hooked[j])) {
                    call(at.first, at.second, hooked[i], hooked[j]);
                }
            }
        }
    }
}

}  // namespace

std::optional<uint32_t> rank(const Ruleset& ruleset, const Table& table, const Chain& chain,
                             std::string_view family) {
    std::optional<uint32_t> only;
    for (const Place& place : places_of(table, chain)) {
        if (!family.empty() && place.family != family && place.family != "netdev") {
            continue;
        }
        const auto found = rank_at(ruleset, place, table, chain);
        if (!found || (only && *only != *found)) {
            return {};
        }
        only = found;
    }
    return only;
}

std::vector<Doubt> unknown_order(const Ruleset& ruleset, const std::string& where) {
    std::vector<Doubt> doubts;
    std::set<std::string> told;
    each_rival(all_hooked(ruleset), [&](const Place& place, int32_t priority, const Hooked& one,
                                        const Hooked& other) {
        if (rank_at(ruleset, place, *one.table, *one.chain) &&
            rank_at(ruleset, place, *other.table, *other.chain)) {
            return;
        }
        if (told.insert(one.name() + other.name()).second) {
            doubts.push_back(
                {where, fmt::format("{} and {} both run at {}, priority {}, each does what the "
                                    "other can prevent or change, and this kernel does not tell "
                                    "which of them runs first",
                                    one.title(), other.title(), place.text(), priority)});
        }
    });
    return doubts;
}

std::vector<std::string> known_order(const Ruleset& ruleset) {
    std::set<std::string> lines;
    each_rival(all_hooked(ruleset),
               [&](const Place& place, int32_t priority, const Hooked& one, const Hooked& other) {
                   const auto first = rank_at(ruleset, place, *one.table, *one.chain);
                   const auto second = rank_at(ruleset, place, *other.table, *other.chain);
                   if (first && second) {
                       const bool in_order = *first < *second;
                       lines.insert(fmt::format(
                           "{} hook {} priority {}: {}, {}", place.family, place.hook, priority,
                           (in_order ? one : other).name(), (in_order ? other : one).name()));
                   }
               });
    return {lines.begin(), lines.end()};
}

std::vector<Doubt> unknown_beside(const Ruleset& carried, const Ruleset& target,
                                  const Carrying& carrying) {
    std::vector<Doubt> doubts;
    std::set<std::string> told;
    const auto clash = [&](const Hooked& one, const Hooked& other) {
        return !carrying.stays(one.table->name()) && carrying.stays(other.table->name()) &&
               !one.commutes(other) && !is_there(one, target) &&
               told.insert(one.name() + other.name()).second;
    };
    const Rivals there = all_hooked(target);
    for (const auto& [at, coming] : all_hooked(carried)) {
        Place place = at.first;
        const int32_t priority = at.second;
        place.device = place.device.empty() ? "" : carrying.device(place.device);
        const auto beside = there.find({place, priority});
        if (beside == there.end()) {
            continue;
        }
        each_pair(coming, beside->second, [&](const Hooked& one, const Hooked& other) {
            if (clash(one, other)) {
                doubts.push_back(
                    {carrying.where,
                     fmt::format("{}, which is to be carried, would run at {}, priority {}, as {} "
                                 "does, which stays there; each does what the other can prevent or "
                                 "change, and nobody can tell which of them would run first",
                                 one.title(), place.text(), priority, other.title())});
            }
        });
    }
    return doubts;
}

}  // namespace rehome::lbsync::kernel
