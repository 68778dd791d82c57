#include "lbsync/nft/canonical.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/nft/interval_expr.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync {

namespace {

using Kind = Expr::Kind;

bool numbers(const Expr& expr) {
    return expr.kind == Kind::number ||
           (expr.kind == Kind::range && expr.args[0].kind == Kind::number);
}

uint64_t first_number(const Expr& expr) {
    return expr.kind == Kind::range ? expr.args[0].number : expr.number;
}

uint64_t last_number(const Expr& expr) {
    return expr.kind == Kind::range ? expr.args[1].number : expr.number;
}

Expr number_range(uint64_t first, uint64_t last) {
    Expr low;
    low.number = first;
    Expr high;
    high.number = last;
    if (first == last) {
        return low;
    }
    Expr range;
    range.kind = Kind::range;
    range.args = {low, high};
    return range;
}

void merge_numbers(std::vector<Expr>& elements) {
    std::sort(elements.begin(), elements.end(),
              [](const Expr& a, const Expr& b) { return first_number(a) < first_number(b); });
    std::vector<Expr> merged;
    for (const Expr& element : elements) {
        const uint64_t first = first_number(element);
        const bool joins = !merged.empty() && (first <= last_number(merged.back()) ||
                                               first - last_number(merged.back()) == 1);
        if (joins) {
            merged.back() =
                number_range(first_number(merged.back()),
                             std::max(last_number(merged.back()), last_number(element)));
        } else {
            merged.push_back(element);
        }
    }
    elements = std::move(merged);
}

void merge_addresses(std::vector<Expr>& elements) {
    std::vector<Interval> intervals;
    std::transform(elements.begin(), elements.end(), std::back_inserter(intervals),
                   [](const Expr& element) { return *to_interval(element); });
    std::sort(intervals.begin(), intervals.end());
    std::vector<Interval> merged;
    for (const Interval& interval : intervals) {
        const auto after = merged.empty() ? std::nullopt : next(merged.back().last);
        if (!merged.empty() && (interval.meets(merged.back()) || after == interval.first)) {
            merged.back().last = std::max(merged.back().last, interval.last);
        } else {
            merged.push_back(interval);
        }
    }
    elements.clear();
    std::transform(merged.begin(), merged.end(), std::back_inserter(elements), to_expr);
}

// One order for what has none.  Plain numbers or addresses are merged too; words, maps and
// annotated elements are not.
void merge_or_sort(std::vector<Expr>& elements) {
    const auto is_interval = [](const Expr& expr) { return to_interval(expr).has_value(); };
    if (std::all_of(elements.begin(), elements.end(), numbers)) {
        merge_numbers(elements);
    } else if (std::all_of(elements.begin(), elements.end(), is_interval)) {
        merge_addresses(elements);
    } else {
        std::sort(elements.begin(), elements.end(),
                  [](const Expr& a, const Expr& b) { return print(a, {}) < print(b, {}); });
    }
}

void normalise(Expr& expr) {
    for (Expr& arg : expr.args) {
        normalise(arg);
    }
    if (expr.kind == Kind::set) {
        merge_or_sort(expr.args);
    }
}

struct Normaliser {
    void operator()(Match& match) const { normalise(match.right); }
    void operator()(Assign& assign) const { normalise(assign.value); }
    void operator()(VerdictMap& map) const { normalise(map.data); }
    void operator()(Nat& nat) const {
        for (Expr& address : nat.address) {
            normalise(address);
        }
    }
    template <typename Other>
    void operator()(Other&) const {}
};

template <typename Members>
Members by_name(Members members) {
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return members;
}

std::string lines(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) {
        text += item + "\n";
    }
    return text;
}

std::string canonical(const Table& table) {
    std::string text = table.title() + "\n" + lines(table.properties);
    for (const Object& object : by_name(table.objects)) {
        text += object.kind + " " + object.name + "\n" + lines(object.properties);
    }
    for (const Set& set : by_name(table.sets)) {
        text += set.kind + " " + set.name + "\n" + lines(set.properties) +
                lines(canonical_elements(set));
    }
    for (const Chain& chain : by_name(table.chains)) {
        text += "chain " + chain.name + "\n" + lines(chain.properties);
        for (const Rule& rule : chain.rules) {
            text += canonical(rule, table.family) + "\n";
        }
    }
    return text;
}

}  // namespace

std::string canonical(const Rule& rule, std::string_view family) {
    Rule normal = rule;
    for (Statement& statement : normal.statements) {
        std::visit(Normaliser{}, statement);
    }
    return print(normal, family);
}

std::vector<std::string> canonical_elements(const Set& set) {
    Set normal = set;
    merge_or_sort(normal.elements);
    std::vector<Expr> elements = std::move(normal.elements);
    std::vector<std::string> result;
    for (Expr& element : elements) {
        normal.elements = {std::move(element)};
        result.push_back(print_elements(normal));
    }
    return result;
}

std::string canonical(const Ruleset& ruleset) {
    std::vector<std::string> tables;
    for (const Table& table : ruleset.tables) {
        tables.push_back(canonical(table));
    }
    std::sort(tables.begin(), tables.end());
    return lines(tables);
}

}  // namespace rehome::lbsync
