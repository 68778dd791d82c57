#include "lbsync/kernel/faithful.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "lbsync/kernel/canonical.h"
#include "lbsync/kernel/flow.h"

namespace rehome::lbsync::kernel {

namespace {

// A table's parts but its rules, by what they are called: "set inet_doors".
std::map<std::string, const Part*> parts_of(const Table& table) {
    std::map<std::string, const Part*> parts;
    const auto add = [&parts](std::string_view kind, const Part& part) {
        parts.emplace(fmt::format("{} {}", kind, part.node.text("name")), &part);
    };
    for (const Chain& chain : table.chains) {
        add("chain", chain.self);
    }
    for (const Set& set : table.sets) {
        if (!is_anonymous(set)) {
            add("set", set.self);
        }
    }
    for (const Part& object : table.objects) {
        add("object", object);
    }
    for (const Part& flowtable : table.flowtables) {
        add("flowtable", flowtable);
    }
    return parts;
}

const Chain* find_chain(const Table& table, const std::string& name) {
    const auto found =
        std::find_if(table.chains.begin(), table.chains.end(),
                     [&](const Chain& chain) { return chain.self.node.text("name") == name; });
    return found == table.chains.end() ? nullptr : &*found;
}

// The lines that one has and the other has not.
std::string only_in(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::vector<std::string> lines;
    std::copy_if(a.begin(), a.end(), std::back_inserter(lines), [&](const std::string& line) {
        return std::find(b.begin(), b.end(), line) == b.end();
    });
    return lines.empty() ? "nothing more" : fmt::format("{}", fmt::join(lines, "; "));
}

constexpr uint64_t constant_flag =
    0x2;  // linux/netfilter/nf_tables.h: NFT_SET_CONSTANT, NFT_SET_EVAL
constexpr uint64_t dynamic_flag = 0x20;

// A set as nft's text of it is loaded, where that alone changes nothing: a set that was declared
// before the rule that adds to it gets the flag for it, and one that takes no more elements is not
// told for how many it had room.
Node as_loaded(Node set, const Node& again) {
    const uint64_t gained = again.number("flags") & dynamic_flag & ~set.number("flags");
    const bool constant = (set.number("flags") & constant_flag) != 0;
    if (gained != 0 && set.find("flags") == nullptr) {
        set.attributes.push_back({again.find("flags")->name, uint64_t{0}});
    }
    for (Attribute& attribute : set.attributes) {
        auto* nested = std::get_if<std::vector<Node>>(&attribute.value);
        if (attribute.name == "flags") {
            attribute.value = set.number("flags") | gained;
        } else if (constant && attribute.name == "desc" && nested != nullptr) {
            for (Node& desc : *nested) {
                std::erase_if(desc.attributes, [](const auto& it) { return it.name == "size"; });
            }
        }
    }
    return set;
}

class Comparison {
public:
    explicit Comparison(std::string where) : where_(std::move(where)) {}

    // again: the same table, loaded from its text.
    void table(const Table& table, const Table& again) {
        const auto then = parts_of(again);
        for (const auto& [title, part] : parts_of(table)) {
            const auto found = then.find(title);
            const bool set = title.starts_with("set ");
            if (found == then.end() ||
                canonical(found->second->node) !=
                    canonical(set ? as_loaded(part->node, found->second->node) : part->node)) {
                doubt(
                    fmt::format("{}: {}", place(table), title),
                    fmt::format("nft's text of it, loaded again, becomes {}, and the kernel has {}",
                                found == then.end() ? "nothing" : canonical(found->second->node),
                                canonical(part->node)));
            }
        }
        const Sets sets(table);
        const Sets sets_again(again);
        for (const Chain& one : table.chains) {
            if (const Chain* other = find_chain(again, one.self.node.text("name"))) {
                chain(fmt::format("{}: chain {}", place(table), one.self.node.text("name")), one,
                      sets, *other, sets_again);
            }
        }
    }

    void unknown(const Table& table) {
        unknown(place(table), table.self);
        for (const auto& [title, part] : parts_of(table)) {
            unknown(fmt::format("{}: {}", place(table), title), *part);
        }
        for (const Set& set : table.sets) {
            if (is_anonymous(set)) {
                unknown(place(table), set.self);
            }
        }
        for (const Chain& chain : table.chains) {
            for (const Part& rule : chain.rules) {
                unknown(fmt::format("{}: chain {}: handle {}", place(table),
                                    chain.self.node.text("name"), rule.node.number("handle")),
                        rule);
            }
        }
    }

    std::string place(const Table& table) const {
        return fmt::format("{}: table {} {}", where_, table.family, table.name());
    }

    void doubt(std::string where, std::string what) {
        doubts_.push_back({std::move(where), std::move(what)});
    }

    std::vector<Doubt> take() { return std::move(doubts_); }

private:
    void unknown(const std::string& where, const Part& part) {
        for (const std::string& what : part.unknown) {
            doubt(where, "the kernel tells what this lbsync does not know: " + what);
        }
    }

    void chain(const std::string& where, const Chain& chain, const Sets& sets, const Chain& again,
               const Sets& sets_again) {
        if (chain.rules.size() != again.rules.size()) {
            doubt(where, fmt::format("{} rules in the kernel, {} in nft's text loaded again",
                                     chain.rules.size(), again.rules.size()));
            return;
        }
        for (size_t i = 0; i < chain.rules.size(); ++i) {
            const std::string at =
                fmt::format("{}: handle {}", where, chain.rules[i].node.number("handle"));
            rule(at, chain.rules[i].node, sets, again.rules[i].node, sets_again);
        }
    }

    void rule(const std::string& where, const Node& rule, const Sets& sets, const Node& again,
              const Sets& sets_again) {
        const auto ours = normal_form(rule, sets);
        const auto theirs = normal_form(again, sets_again);
        if (!ours || !theirs) {
            doubt(where, (ours ? theirs : ours).error());
            return;
        }
        const auto runs = canonical(*ours, sets);
        const auto reads = canonical(*theirs, sets_again);
        if (runs != reads) {
            doubt(where, fmt::format("nft's text is another rule than the kernel's: loaded again "
                                     "it has {}, and the kernel {}",
                                     only_in(reads, runs), only_in(runs, reads)));
        }
    }

    std::string where_;
    std::vector<Doubt> doubts_;
};

}  // namespace

std::vector<Doubt> doubts(const HostRead& read, const std::string& where,
                          const std::function<bool(std::string_view table)>& skipped) {
    Comparison comparison(where);
    for (const Table& table : read.ruleset.tables) {
        if (skipped(table.name())) {
            continue;
        }
        comparison.unknown(table);
        const auto failed = read.not_reloaded.find(table.family + " " + table.name());
        const Table* again = read.reloaded.find(table.family, table.name());
        if (failed != read.not_reloaded.end()) {
            comparison.doubt(comparison.place(table),
                             "nft's own text of it cannot be loaded again: " + failed->second);
        } else if (again == nullptr) {
            comparison.doubt(comparison.place(table),
                             "nft's own text of it, loaded again, is gone afterwards");
        } else {
            comparison.table(table, *again);
        }
    }
    return comparison.take();
}

std::vector<Unlike> unlike_rules(const Table& table, const Table& again) {
    std::vector<Unlike> all;
    const Sets sets(table);
    const Sets sets_again(again);
    for (const Chain& chain : table.chains) {
        const Chain* other = find_chain(again, chain.self.node.text("name"));
        if (other == nullptr || other->rules.size() != chain.rules.size()) {
            continue;
        }
        for (size_t i = 0; i < chain.rules.size(); ++i) {
            const auto runs = normal_form(chain.rules[i].node, sets);
            const auto reads = normal_form(other->rules[i].node, sets_again);
            if (runs && reads && canonical(*runs, sets) != canonical(*reads, sets_again)) {
                all.push_back({&chain, &chain.rules[i], other->rules[i].node.number("handle")});
            }
        }
    }
    return all;
}

}  // namespace rehome::lbsync::kernel
