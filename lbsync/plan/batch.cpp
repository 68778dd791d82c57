#include "lbsync/plan/batch.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

// The elements of a set that go and that come, where they are few and plain enough to be changed
// one by one: a set of 100,000 is not loaded anew for one of them.
struct ElementChange {
    std::vector<std::string> gone;
    std::vector<std::string> come;
};

bool is_plain(const Expr& element) {
    return element.kind != Expr::Kind::pair && element.kind != Expr::Kind::element;
}

const Set* find_set(const Table& table, const Member& like) {
    const auto found = std::find_if(table.sets.begin(), table.sets.end(), [&](const Set& set) {
        return set.kind == like.kind && set.name == like.name;
    });
    return found == table.sets.end() ? nullptr : &*found;
}

std::vector<std::string> printed(const Set& set) {
    std::vector<std::string> elements;
    elements.reserve(set.elements.size());
    for (const Expr& element : set.elements) {
        elements.push_back(print(element, set.key_types));
    }
    std::sort(elements.begin(), elements.end());
    return elements;
}

std::optional<ElementChange> element_change(const Table& current, const Table& wanted,
                                            const Member& like) {
    const Set* const before = find_set(current, like);
    const Set* const after = find_set(wanted, like);
    if (before == nullptr || after == nullptr || before->properties != after->properties ||
        before->dynamic ||
        !std::all_of(before->elements.begin(), before->elements.end(), is_plain) ||
        !std::all_of(after->elements.begin(), after->elements.end(), is_plain)) {
        return {};
    }
    const auto now = printed(*before);
    const auto then = printed(*after);
    ElementChange change;
    std::set_difference(now.begin(), now.end(), then.begin(), then.end(),
                        std::back_inserter(change.gone));
    std::set_difference(then.begin(), then.end(), now.begin(), now.end(),
                        std::back_inserter(change.come));
    const bool few = change.gone.size() + change.come.size() <= (now.size() + then.size()) / 4;
    return few ? std::optional(std::move(change)) : std::nullopt;
}

// The sets of a table that are changed element by element, by name.
using ElementChanges = std::map<std::string, ElementChange>;

ElementChanges element_changes(const Table& current, const Table& wanted,
                               const std::vector<Member>& now, const std::vector<Member>& then) {
    ElementChanges changes;
    for (const Member& member : then) {
        const Member* before = member.kind == "set" ? find(now, member) : nullptr;
        if (before == nullptr || *before == member) {
            continue;
        }
        if (auto change = element_change(current, wanted, member)) {
            changes.emplace(member.name, std::move(*change));
        }
    }
    return changes;
}

std::string elements_command(std::string_view verb, const Table& table, const std::string& set,
                             const std::vector<std::string>& elements) {
    return elements.empty() ? ""
                            : fmt::format("{} element {} {} {} {{ {} }}\n", verb, table.family,
                                          table.name, set, fmt::join(elements, ", "));
}

// What goes: references first (rules, a map's verdicts), then what they referred to.
std::string removals(const Table& table, const std::vector<Member>& now,
                     const std::vector<Member>& then, const ElementChanges& in_part) {
    std::string flushes;
    std::string deletions;
    std::string chains;
    for (const Member& member : now) {
        const Member* after = find(then, member);
        if (after != nullptr && *after == member) {
            continue;
        }
        const auto part = member.kind == "set" ? in_part.find(member.name) : in_part.end();
        if (part != in_part.end()) {
            flushes += elements_command("delete", table, member.name, part->second.gone);
        } else if (member.kind != "counter" && member.kind != "limit") {
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
                const std::vector<Member>& then, const ElementChanges& in_part) {
    Table table = wanted;
    const auto stays = [&](const std::string& kind, const std::string& name) {
        const Member like{kind, name, {}, {}};
        const Member* before = find(now, like);
        return before != nullptr && *before == *find(then, like);
    };
    std::erase_if(table.objects, [&](const Object& it) { return stays(it.kind, it.name); });
    std::erase_if(table.sets, [&](const Set& it) {
        return stays(it.kind, it.name) || (it.kind == "set" && in_part.contains(it.name));
    });
    std::erase_if(table.chains, [&](const Chain& it) { return stays("chain", it.name); });
    return table;
}

std::string change(const Table& current, const Table& wanted) {
    const std::vector<Member> now = members(current);
    const std::vector<Member> then = members(wanted);
    if (!editable(current, now, then, wanted)) {
        return restore_batch(wanted.family, wanted.name, print(wanted));
    }
    const ElementChanges in_part = element_changes(current, wanted, now, then);
    const Table more = additions(wanted, now, then, in_part);
    const bool none = more.objects.empty() && more.sets.empty() && more.chains.empty();
    std::string text = removals(current, now, then, in_part) + (none ? "" : print(more));
    for (const auto& [name, change] : in_part) {
        text += elements_command("add", wanted, name, change.come);
    }
    return text;
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
