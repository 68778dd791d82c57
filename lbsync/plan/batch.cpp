#include "lbsync/plan/batch.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/nft/members.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync {

namespace {

bool is_constant(const Member& member) {
    return std::any_of(member.properties.begin(), member.properties.end(), [](const auto& it) {
        return it.starts_with("flags ") && it.find("constant") != std::string::npos;
    });
}

// A table can be edited in place if nothing that is fixed at its creation changes; the elements of
// a constant set are, once a rule refers to it.
bool editable(const Table& current, const std::vector<Member>& now, const std::vector<Member>& then,
              const Table& wanted) {
    return current.properties == wanted.properties &&
           std::all_of(then.begin(), then.end(), [&](const Member& member) {
               const Member* before = find(now, member);
               return before == nullptr || *before == member ||
                      (before->properties == member.properties && !is_constant(member));
           });
}

std::string command(std::string_view verb, const Table& table, const Member& member) {
    return fmt::format("{} {} {} {} {}\n", verb, member.kind, table.family, table.name,
                       member.name);
}

// What goes: references first (rules, a map's verdicts), then what they referred to.
std::string removals(const Table& table, const std::vector<Member>& now,
                     const std::vector<Member>& then) {
    std::string flushes;
    std::string deletions;
    std::string chains;
    for (const Member& member : now) {
        const Member* after = find(then, member);
        if (after != nullptr && *after == member) {
            continue;
        }
        if (member.kind != "counter" && member.kind != "limit") {
            flushes += command("flush", table, member);
        }
        if (after == nullptr) {
            (member.kind == "chain" ? chains : deletions) += command("delete", table, member);
        }
    }
    return flushes + deletions + chains;
}

// What comes: new members, and changed ones, which removals has emptied.
Table additions(const Table& wanted, const std::vector<Member>& now,
                const std::vector<Member>& then) {
    Table table = wanted;
    const auto stays = [&](const std::string& kind, const std::string& name) {
        const Member like{kind, name, {}, {}};
        const Member* before = find(now, like);
        return before != nullptr && *before == *find(then, like);
    };
    std::erase_if(table.objects, [&](const Object& it) { return stays(it.kind, it.name); });
    std::erase_if(table.sets, [&](const Set& it) { return stays(it.kind, it.name); });
    std::erase_if(table.chains, [&](const Chain& it) { return stays("chain", it.name); });
    return table;
}

std::string change(const Table& current, const Table& wanted) {
    const std::vector<Member> now = members(current);
    const std::vector<Member> then = members(wanted);
    if (!editable(current, now, then, wanted)) {
        return restore_batch(wanted.family, wanted.name, print(wanted));
    }
    const Table more = additions(wanted, now, then);
    const std::string gone = removals(current, now, then);
    const bool none = more.objects.empty() && more.sets.empty() && more.chains.empty();
    return gone + (none ? "" : print(more));
}

}  // namespace

std::string batch(const Ruleset& current, const Ruleset& wanted) {
    std::string text;
    for (const Table& table : current.tables) {
        if (find(wanted.tables, table) == nullptr) {
            text += restore_batch(table.family, table.name, "");
        }
    }
    for (const Table& table : wanted.tables) {
        const Table* before = find(current.tables, table);
        text += before == nullptr ? print(table) : change(*before, table);
    }
    return text;
}

bool remakes(std::string_view batch, const std::string& family, const std::string& name) {
    return batch.find(fmt::format("delete table {} {}\n", family, name)) != std::string_view::npos;
}

std::string kept(const std::string& batch, const Ruleset& wanted,
                 const std::vector<Learned>& learned) {
    std::string text;
    for (const Learned& one : learned) {
        Table like;
        like.family = one.family;
        like.name = one.table;
        const Table* table = find(wanted.tables, like);
        const bool stays =
            table != nullptr && remakes(batch, one.family, one.table) &&
            std::any_of(table->sets.begin(), table->sets.end(), [&](const Set& set) {
                return set.dynamic && set.name == one.set && type_property(set) == one.type;
            });
        text += stays ? add_elements(one) : "";
    }
    return text;
}

std::string restore_batch(const std::string& family, const std::string& name,
                          const std::string& text) {
    // "add" first, so that "delete" cannot fail for want of a table.
    return fmt::format("add table {0} {1}\ndelete table {0} {1}\n{2}", family, name, text);
}

}  // namespace rehome::lbsync
