#include "lbsync/iptables/steps.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/iptables/pieces.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/set_state.h"

namespace rehome::lbsync::iptables {

namespace {

const IpSet* find_set(const Dump& dump, const std::string& name) {
    const auto found = std::find_if(dump.sets.begin(), dump.sets.end(),
                                    [&](const IpSet& set) { return set.name == name; });
    return found == dump.sets.end() ? nullptr : &*found;
}

std::string text_of(const IpSet& set) {
    std::string text = print(set) + "\n";
    for (const SetElement& element : set.elements) {
        text += print(set, element) + "\n";
    }
    return text;
}

// A random seed of one kernel's hashes is nothing for another's.
IpSet loadable(IpSet set) {
    auto& options = set.options;
    for (size_t i = 0; i + 1 < options.size(); ++i) {
        if (options[i].text == "initval" || options[i].text == "bucketsize") {
            const auto at = options.begin() + static_cast<std::ptrdiff_t>(i--);
            options.erase(at, at + 2);
        }
    }
    return set;
}

// Built under a name of its own, which a broken run of before may have left, and swapped.
std::string swapped(IpSet set) {
    const std::string name = set.name;
    set.name = "lbsync-" + sha256(name + print(set)).substr(0, 12);
    std::string text = print(set) + "\nflush " + set.name + "\n";
    for (const SetElement& element : set.elements) {
        text += print(set, element) + "\n";
    }
    return text + fmt::format("swap {0} {1}\ndestroy {0}\n", set.name, name);
}

bool has(const IpSet& set, const SetElement& like) {
    return std::any_of(set.elements.begin(), set.elements.end(), [&](const SetElement& one) {
        return one.value == like.value && one.options == like.options;
    });
}

// Single elements, so that what was learned stays.
std::string edited(const IpSet& now, const IpSet& then) {
    std::string text;
    for (const SetElement& element : now.elements) {
        text += has(then, element) ? "" : fmt::format("del {} {}\n", now.name, element.value);
    }
    for (const SetElement& element : then.elements) {
        const std::string permanent = ages(then) ? " timeout 0" : "";
        text += has(now, element) ? "" : print(then, element) + permanent + "\n";
    }
    return text;
}

class Planner {
public:
    Planner(const Dump& current, const Dump& wanted)
        : current_(current), wanted_(wanted), now_(pieces(current)), then_(pieces(wanted)) {
        filled_ = filled_sets(current);
        filled_.merge(filled_sets(wanted));
    }

    tl::expected<std::vector<Step>, std::string> plan() {
        for (const bool lists : {false, true}) {  // a list's members come before it
            come(lists);
        }
        if (!refused_.empty()) {
            return tl::unexpected(refused_);
        }
        std::vector<Step> all;
        if (!sets_.empty()) {
            all.push_back({.command = {"ipset", "-exist", "restore"}, .input = sets_});
        }
        tables(all);
        for (const bool lists : {true, false}) {
            go(lists, all);
        }
        return all;
    }

private:
    void come(bool lists) {
        for (const Piece& piece : then_) {
            const IpSet* const then =
                piece.kind == "ipset" ? find_set(wanted_, piece.name) : nullptr;
            if (then == nullptr || (then->type == "list:set") != lists) {
                continue;
            }
            const IpSet* const now = find_set(current_, piece.name);
            if (now == nullptr) {
                sets_ += text_of(loadable(*then));
            } else {
                change(*now, *then);
            }
        }
    }

    static std::string swapped_as(const IpSet& set) {
        const auto six = std::find_if(set.options.begin(), set.options.end(),
                                      [](const auto& word) { return word.text == "inet6"; });
        return set.type + (six == set.options.end() ? "" : " family inet6");
    }

    void change(const IpSet& now, const IpSet& then) {
        const bool filled = filled_.contains(then.name);
        const IpSet old_one = policy_of(now, filled);
        const IpSet new_one = policy_of(then, filled);
        // The kernel swaps no others (ip_set_core.c).
        if (swapped_as(now) != swapped_as(then)) {
            refused_ = fmt::format(
                "set {} is of type {} here, expected {}: rules would have to go "
                "first",
                now.name, swapped_as(now), swapped_as(then));
        } else if (print(old_one) == print(new_one) && (ages(then) || filled)) {
            sets_ += edited(old_one, new_one);
        } else if (text_of(old_one) != text_of(new_one)) {
            sets_ += swapped(loadable(ages(then) || filled ? with_state(then, now) : then));
        }
    }

    // What rules have added stays, as far as the new declaration can say it.
    static IpSet with_state(IpSet then, const IpSet& now) {
        for (const SetElement& element : now.elements) {
            if (!has(then, element) && ages(then) == ages(now) && !is_permanent(element)) {
                then.elements.push_back(element);
            }
        }
        return then;
    }

    void go(bool lists, std::vector<Step>& all) const {
        for (const Piece& piece : now_) {
            const IpSet* const now =
                piece.kind == "ipset" ? find_set(current_, piece.name) : nullptr;
            if (now != nullptr && (now->type == "list:set") == lists &&
                find(then_, piece.kind, piece.name) == nullptr) {
                all.push_back({.command = {"ipset", "destroy", piece.name},
                               .input = "",
                               .to_be_repeated = true});
            }
        }
    }

    void tables(std::vector<Step>& all) {
        for (const Piece& piece : then_) {
            const Piece* const before = find(now_, piece.kind, piece.name);
            if (piece.kind != "ipset" && (before == nullptr || *before != piece)) {
                restore(piece, piece.text, all);
                all.back().fresh = !stands(piece);
            }
        }
        for (const Piece& piece : now_) {
            if (piece.kind != "ipset" && find(then_, piece.kind, piece.name) == nullptr) {
                restore(piece, emptied(piece.name), all);
            }
        }
    }

    // With rules or without.
    bool stands(const Piece& piece) const {
        return std::any_of(current_.saves.begin(), current_.saves.end(), [&](const Save& save) {
            return kind_of(save) == piece.kind &&
                   std::any_of(save.tables.begin(), save.tables.end(),
                               [&](const Table& table) { return table.name == piece.name; });
        });
    }

    // Its built-in chains come back by themselves and accept.
    std::string emptied(const std::string& table) const {
        std::string text = "*" + table + "\n";
        for (const Save& save : current_.saves) {
            for (const Table& one : save.tables) {
                for (const Chain& chain : one.chains) {
                    if (one.name == table && chain.policy != "-" &&
                        text.find(":" + chain.name + " ") == text.npos) {
                        text += fmt::format(":{} ACCEPT [0:0]\n", chain.name);
                    }
                }
            }
        }
        return text + "COMMIT\n";
    }

    static void restore(const Piece& piece, const std::string& text, std::vector<Step>& all) {
        all.push_back({.command = {piece.kind + "-restore"}, .input = text});
    }

    const Dump& current_;
    const Dump& wanted_;
    std::vector<Piece> now_;
    std::vector<Piece> then_;
    std::set<std::string> filled_;
    std::string sets_;
    std::string refused_;
};

}  // namespace

tl::expected<std::vector<Step>, std::string> steps(const Dump& current, const Dump& wanted) {
    return Planner(current, wanted).plan();
}

std::vector<Step> trials(const std::vector<Step>& steps) {
    const bool sets_come = !steps.empty() && steps.front().command.front() == "ipset";
    std::vector<Step> all;
    for (const Step& step : steps) {
        const bool names_sets = step.input.find("-set ") != std::string::npos;
        const bool made = step.fresh && step.command.front().find("-legacy-") != std::string::npos;
        if (step.command.front() != "ipset" && !(sets_come && names_sets) && !made) {
            all.push_back(step);
            all.back().command.emplace_back("--test");
        }
    }
    return all;
}

}  // namespace rehome::lbsync::iptables
