#include "lbsync/mapping/left_alone.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/iptables/host_dump.h"
#include "lbsync/iptables/set_state.h"
#include "lbsync/kernel/hook_order.h"
#include "lbsync/policy/merge.h"

namespace rehome::lbsync {

namespace {

bool fits(const MapFile::Tables& entry, const std::string& table) {
    const size_t blank = std::min(table.find(' '), table.size());
    const auto fits_glob = [](const std::string& glob, const std::string& text) {
        return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0;
    };
    return fits_glob(entry.family, table.substr(0, blank)) &&
           fits_glob(entry.name, table.substr(std::min(blank + 1, table.size())));
}

const MapFile::Tables* find(const std::vector<MapFile::Tables>& entries, const std::string& table) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& entry) { return fits(entry, table); });
    return found == entries.end() ? nullptr : &*found;
}

// The entry that leaves a table alone, and whether it is kept; null: none does.
std::pair<const MapFile::Tables*, bool> entry_of(const std::string& table, SideOf side,
                                                 const MapFile& file) {
    const MapFile::Tables* const kept = find(file.keep, table);
    const bool ignores = kept == nullptr && (side == SideOf::to) == file.back;
    return {ignores ? find(file.ignore, table) : kept, kept != nullptr};
}

// Whose tables are gone through, and what of them is left alone.
class Chosen {
public:
    Chosen(std::string host, SideOf side, const MapFile& file)
        : host_(std::move(host)), side_(side), file_(file) {}

    // interferes: asked of those that are chosen.
    template <typename Interferes>
    void look_at(const std::string& table, Interferes interferes) {
        const auto [entry, kept] = entry_of(table, side_, file_);
        if (entry != nullptr && titles_.insert(table).second) {
            found_.push_back({host_, table, kept, entry->reason, interferes()});
        }
    }

    bool holds(const std::string& table) const { return titles_.contains(table); }
    bool any() const { return !found_.empty(); }

    // A doubt's place: "HOST: table inet filter: chain input", "HOST: iptables filter INPUT".
    bool is_of(const Doubt& doubt) const {
        return std::any_of(titles_.begin(), titles_.end(), [&](const std::string& title) {
            const size_t blank = title.find(' ');
            const std::string family = title.substr(0, blank);
            const std::string program = family == "ip6" ? "ip6tables" : "iptables";
            return stands_at(doubt.where, "table " + title) ||
                   ((family == "ip" || family == "ip6") &&
                    stands_at(doubt.where, program + title.substr(blank)));
        });
    }

    std::vector<LeftAlone> take() { return std::move(found_); }

private:
    bool stands_at(const std::string& where, const std::string& place) const {
        const std::string start = host_ + ": " + place;
        return where == start || where.starts_with(start + ":") || where.starts_with(start + " ");
    }

    std::string host_;
    SideOf side_;
    const MapFile& file_;
    std::set<std::string> titles_;
    std::vector<LeftAlone> found_;
};

std::string title_of(const iptables::Save& save, const iptables::Table& table) {
    return (save.family == Family::v4 ? "ip " : "ip6 ") + table.name;
}

bool interferes(const Table& table) {
    return std::any_of(table.chains.begin(), table.chains.end(), [](const Chain& chain) {
        return std::any_of(chain.rules.begin(), chain.rules.end(), [](const Rule& rule) {
            return std::any_of(
                rule.statements.begin(), rule.statements.end(), [](const Statement& it) {
                    return std::holds_alternative<Nat>(it) || std::holds_alternative<Assign>(it) ||
                           std::holds_alternative<NoTrack>(it) ||
                           std::holds_alternative<Verbatim>(it);
                });
        });
    });
}

bool interferes(const std::vector<policy::Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const policy::Step& step) {
        const auto* choice = std::get_if<policy::Choice>(&step);
        return std::holds_alternative<policy::Store>(step) ||
               std::holds_alternative<policy::Nat>(step) ||
               (choice != nullptr &&
                std::any_of(choice->branches.begin(), choice->branches.end(),
                            [](const auto& branch) { return interferes(branch.steps); }));
    });
}

// Tables of iptables, and the sets that they alone name.
void take_out(iptables::Dump& dump, const Chosen& chosen) {
    iptables::Dump rest = dump;
    for (iptables::Save& save : rest.saves) {
        std::erase_if(save.tables, [&](const iptables::Table& table) {
            return chosen.holds(title_of(save, table));
        });
    }
    const auto before = iptables::named_sets(dump);
    const auto after = iptables::named_sets(rest);
    std::erase_if(rest.sets, [&](const iptables::IpSet& set) {
        return before.contains(set.name) && !after.contains(set.name);
    });
    dump = std::move(rest);
}

// Doubts about which of two chains comes first, when one of them is left alone.
void drop_order_doubts(std::vector<Doubt>& doubts, const std::string& host,
                       const kernel::Ruleset& before, const kernel::Ruleset& after) {
    const auto left = kernel::unknown_order(after, host);
    for (const Doubt& old : kernel::unknown_order(before, host)) {
        const auto same = [&](const Doubt& doubt) {
            return doubt.where == old.where && doubt.what == old.what;
        };
        if (std::none_of(left.begin(), left.end(), same)) {
            std::erase_if(doubts, same);
        }
    }
}

}  // namespace

bool is_left_alone(const std::string& table, SideOf side, const MapFile& file) {
    return entry_of(table, side, file).first != nullptr;
}

std::vector<LeftAlone> leave_alone(Reading& reading, const std::string& host, SideOf side,
                                   const MapFile& file) {
    Chosen chosen(host, side, file);
    for (const Table& table : reading.ruleset.tables) {
        const bool doubted =
            std::any_of(reading.doubts.begin(), reading.doubts.end(), [&](const Doubt& doubt) {
                return doubt.where.starts_with(host + ": " + table.title() + ":");
            });
        chosen.look_at(table.family + " " + table.name,
                       [&] { return doubted || interferes(table); });
    }
    const auto all = reading.kernel;
    for (const kernel::Table& table : all ? all->tables : std::vector<kernel::Table>{}) {
        if (!belongs_to_others(table.name())) {
            chosen.look_at(table.family + " " + table.name(), [] { return true; });
        }
    }
    for (const iptables::Save& save :
         reading.iptables ? reading.iptables->dump.saves : std::vector<iptables::Save>{}) {
        for (const iptables::Table& table : save.tables) {
            chosen.look_at(title_of(save, table), [] { return true; });
        }
    }
    if (!chosen.any()) {
        return {};
    }
    if (reading.iptables) {
        auto printed = std::make_shared<iptables::HostDump>(*reading.iptables);
        take_out(printed->dump, chosen);
        std::erase_if(printed->doubts, [&](const Doubt& doubt) { return chosen.is_of(doubt); });
        reading.iptables = std::move(printed);
    }
    std::erase_if(reading.ruleset.tables, [&](const Table& table) {
        return chosen.holds(table.family + " " + table.name);
    });
    std::erase_if(reading.doubts, [&](const Doubt& doubt) { return chosen.is_of(doubt); });
    if (all) {
        kernel::Ruleset rest = *all;
        std::erase_if(rest.tables, [&](const kernel::Table& table) {
            return chosen.holds(table.family + " " + table.name());
        });
        drop_order_doubts(reading.doubts, host, *all, rest);
        reading.kernel = std::make_shared<const kernel::Ruleset>(std::move(rest));
    }
    return chosen.take();
}

std::vector<LeftAlone> leave_alone(policy::Policy& policy, const std::string& host, SideOf side,
                                   const MapFile& file) {
    Chosen chosen(host, side, file);
    for (const policy::Chain& chain : policy.chains) {
        chosen.look_at(chain.table, [&] {
            return std::any_of(
                policy.chains.begin(), policy.chains.end(), [&](const policy::Chain& other) {
                    return other.table == chain.table &&
                           std::any_of(other.rules.begin(), other.rules.end(),
                                       [](const policy::Rule& rule) {
                                           // Without steps: not understood.
                                           return rule.steps.empty() || interferes(rule.steps);
                                       });
                });
        });
    }
    policy::remove_tables(policy, [&](const std::string& table) { return chosen.holds(table); });
    std::erase_if(policy.doubts, [&](const Doubt& doubt) { return chosen.is_of(doubt); });
    return chosen.take();
}

std::vector<std::string> unmatched(const MapFile& file, const std::vector<LeftAlone>& found) {
    std::vector<std::string> lines;
    for (const auto& [entries, kept] : {std::pair(&file.keep, true), {&file.ignore, false}}) {
        for (const MapFile::Tables& entry : *entries) {
            const bool any =
                std::any_of(found.begin(), found.end(), [&, kept = kept](const LeftAlone& table) {
                    return table.kept == kept && fits(entry, table.table);
                });
            if (!any) {
                lines.push_back(
                    fmt::format("{}: no table is {} {}", entry.where, entry.family, entry.name));
            }
        }
    }
    return lines;
}

std::string line(const LeftAlone& table) {
    return in_one_line(fmt::format(
        "{}: {}: table {} ({}){}", table.kept ? "kept" : "ignored", table.host, table.table,
        table.reason,
        table.interferes ? "; it may mark, translate or not track packets, and what other rules "
                           "make of that is not compared"
                         : ""));
}

nlohmann::ordered_json to_json(const std::vector<LeftAlone>& tables) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const LeftAlone& table : tables) {
        list.push_back({{"host", table.host},
                        {"table", table.table},
                        {"how", table.kept ? "kept" : "ignored"},
                        {"reason", table.reason},
                        {"interferes", table.interferes}});
    }
    return list;
}

std::string but_for(const std::vector<LeftAlone>& tables) {
    return tables.empty() ? ""
                          : fmt::format(" but for {} table{} left alone", tables.size(),
                                        tables.size() == 1 ? "" : "s");
}

}  // namespace rehome::lbsync
