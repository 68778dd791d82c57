#include "lbsync/kernel/read.h"

#include <map>

#include <fmt/format.h>

#include "lbsync/iptables/host_dump.h"
#include "lbsync/kernel/faithful.h"
#include "lbsync/kernel/flow.h"
#include "lbsync/kernel/hook_order.h"
#include "lbsync/kernel/raw.h"
#include "lbsync/kernel/siteless.h"
#include "lbsync/kernel/xt_tables.h"
#include "lbsync/nft/print.h"
#include "lbsync/outside/facts.h"

namespace rehome::lbsync {

namespace {

// Rules whose words say something else than the kernel runs get those that have proven right.
void mend(const kernel::HostRead& read, Reading& reading) {
    for (const kernel::Table& table : read.ruleset.tables) {
        const kernel::Sets sets(table);
        for (const kernel::Chain& chain : table.chains) {
            for (const kernel::Part& part : chain.rules) {
                const uint64_t handle = part.node.number("handle");
                const auto words = read.raw.find(raw_name(table, chain, handle));
                Rule* rule = words == read.raw.end()
                                 ? nullptr
                                 : find_rule(reading.ruleset, table, chain, handle);
                if (rule == nullptr) {
                    continue;
                }
                const auto runs = normal_form(part.node, sets);
                auto raw = runs ? raw_rule(*rule, *runs) : std::nullopt;
                if (raw && print(*raw, table.family) == words->second) {
                    *rule = std::move(*raw);
                } else {
                    reading.doubts.push_back(
                        {words->first, "its raw words are not known here: " + words->second});
                }
            }
        }
    }
}

// Rules without a model, in which nothing is to be mapped, are carried in nft's words, which must
// become the same again as those of any rule: their doubts go.
void lift(const kernel::Ruleset& ruleset, const std::string& where, Reading& reading) {
    for (const kernel::Table& table : ruleset.tables) {
        const kernel::Sets sets(table);
        for (const kernel::Chain& chain : table.chains) {
            for (const kernel::Part& part : chain.rules) {
                const uint64_t handle = part.node.number("handle");
                const Rule* rule = find_rule(reading.ruleset, table, chain, handle);
                if (rule == nullptr || rule->statements.size() != 1 ||
                    !std::holds_alternative<Verbatim>(rule->statements.front())) {
                    continue;
                }
                const auto runs = normal_form(part.node, sets);
                const std::string at =
                    fmt::format("{}: table {} {}: chain {}: handle {}", where, table.family,
                                table.name(), chain.self.node.text("name"), handle);
                if (runs && is_siteless(*runs, sets)) {
                    std::erase_if(reading.doubts,
                                  [&](const Doubt& doubt) { return doubt.where == at; });
                }
            }
        }
    }
}

bool is_of(const Doubt& doubt, const std::string& title) {
    return doubt.where == title || doubt.where.starts_with(title + ":");
}

// iptables' own tables stand in its dump, where they are understood and from which they are
// carried.
void take_dump(const kernel::HostRead& read, const std::string& where, Reading& reading) {
    if (!read.iptables) {
        return;
    }
    iptables::HostDump told = iptables::host_dump(*read.iptables, where);
    kernel::keep_whole(told.dump, read.ruleset);
    std::erase_if(reading.ruleset.tables, [&](const Table& table) {
        const bool shown = kernel::shows(told.dump, table.family, table.name);
        if (shown) {
            const std::string title = where + ": " + table.title();
            std::erase_if(reading.doubts, [&](const Doubt& doubt) { return is_of(doubt, title); });
        }
        return shown;
    });
    reading.doubts.insert(reading.doubts.end(), told.doubts.begin(), told.doubts.end());
    reading.iptables = std::make_shared<const iptables::HostDump>(std::move(told));
}

outside::Facts outside_of(const kernel::HostRead& read) {
    if (read.outside) {
        return outside::facts(*read.outside);
    }
    outside::Facts nothing;
    nothing.unread["lbsync read"] = "says nothing of it: is its lbsync of a version before?";
    return nothing;
}

}  // namespace

Result<Reading> read_host(kernel::HostRead read, const std::string& where) {
    return read_ruleset(read.json, read.text, where).map([&](Reading reading) {
        lift(read.ruleset, where, reading);
        mend(read, reading);
        auto more = kernel::doubts(read, where, belongs_to_others);
        reading.doubts.insert(reading.doubts.end(), more.begin(), more.end());
        auto order = kernel::unknown_order(read.ruleset, where);
        reading.doubts.insert(reading.doubts.end(), order.begin(), order.end());
        take_dump(read, where, reading);
        reading.kernel = std::make_shared<const kernel::Ruleset>(std::move(read.ruleset));
        reading.outside = std::make_shared<const outside::Facts>(outside_of(read));
        return reading;
    });
}

policy::Policy policy_of(const Reading& reading, const std::string& where) {
    if (reading.kernel == nullptr) {
        return {{}, {{where, "what its kernel runs is not known"}}};
    }
    std::map<std::pair<std::string, uint64_t>, std::string> words;
    for (const Table& table : reading.ruleset.tables) {
        for (const Chain& chain : table.chains) {
            for (const Rule& rule : chain.rules) {
                words[{table.family + " " + table.name, rule.handle}] = print(rule, table.family);
            }
        }
    }
    const auto words_of = [&](const std::string& table, uint64_t handle) {
        const auto found = words.find({table, handle});
        return found == words.end() ? std::string() : found->second;
    };
    return to_policy(*reading.kernel, {where, belongs_to_others, words_of});
}

}  // namespace rehome::lbsync
