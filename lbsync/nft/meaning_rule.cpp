#include "lbsync/nft/meaning_rule.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "lbsync/nft/canonical.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync::nft {

using policy::Elements;
using policy::ElementsPtr;
using policy::Field;
using policy::Span;
using policy::Step;
using policy::Term;
using policy::Test;
using Kind = Expr::Kind;
using Source = Field::Source;

namespace {

constexpr WideNumber highest(unsigned width) {
    return width >= 128 ? ~WideNumber{0} : (WideNumber{1} << width) - 1;
}

// What the operator asks of a value; flags are asked with a mask.
struct Asked {
    std::vector<Span> spans;
    WideNumber mask = ~WideNumber{0};
    bool negated = false;
};

Meant<Asked> asked(const std::string& op, const Span& span, unsigned width) {
    if (op == "in") {
        return Asked{{{0, 0}}, span.first, true};
    }
    if (op == "!") {
        return Asked{{{0, 0}}, span.first, false};
    }
    if (op == "==" || op == "!=") {
        return Asked{{span}, ~WideNumber{0}, op == "!="};
    }
    if (span.first != span.last) {
        return tl::unexpected(std::string("an order among ranges"));
    }
    if (op == "<" || op == ">=") {
        return span.first == 0 ? Asked{{}, ~WideNumber{0}, op == ">="}
                               : Asked{{{0, span.first - 1}}, ~WideNumber{0}, op == ">="};
    }
    const std::vector<Span> above = span.first == highest(width)
                                        ? std::vector<Span>{}
                                        : std::vector<Span>{{span.first + 1, highest(width)}};
    return Asked{above, ~WideNumber{0}, op == "<="};
}

bool ages(const Set& set) {
    return set.dynamic ||
           std::any_of(set.properties.begin(), set.properties.end(), [](const std::string& line) {
               return line.find("timeout") != std::string::npos;
           });
}

Test drawn(std::string name, std::string instance = {}) {
    return policy::is(policy::field::named(Source::drawn, std::move(name), 1, std::move(instance)),
                      1);
}

}  // namespace

Meant<std::vector<Step>> RuleMeaning::steps(const Rule& rule) {
    Steps steps;
    for (const Statement& statement : rule.statements) {
        const auto done = std::visit([&](const auto& it) { return add(it, steps); }, statement);
        if (!done) {
            return tl::unexpected(done.error());
        }
    }
    return steps;
}

std::string RuleMeaning::words(const Statement& statement) const {
    return print(Rule{0, {}, {statement}}, table_.family);
}

const Set* RuleMeaning::set(const std::string& name) const {
    const auto found = std::find_if(table_.sets.begin(), table_.sets.end(),
                                    [&](const Set& it) { return it.name == name; });
    return found == table_.sets.end() ? nullptr : &*found;
}

std::string RuleMeaning::title(const Set& set) const {
    return fmt::format("{} {} {}", table_.title(), set.kind, set.name);
}

Meant<RuleMeaning::Columns> RuleMeaning::columns(const Expr& left) const {
    Columns columns;
    std::vector<const Expr*> parts{&left};
    if (left.kind == Kind::concat) {
        parts.clear();
        std::transform(left.args.begin(), left.args.end(), std::back_inserter(parts),
                       [](const Expr& part) { return &part; });
    }
    for (const Expr* part : parts) {
        const bool masked = part->kind == Kind::binary && part->text == "&";
        const Expr& key = masked ? part->args[0] : *part;
        if (key.kind != Kind::key) {
            return tl::unexpected(fmt::format("{} is not modelled", print(*part, {})));
        }
        auto field = field_of(key, table_.family);
        if (!field) {
            return tl::unexpected(field.error());
        }
        Term term{field->field};
        if (masked) {
            const auto mask = span_of(part->args[1], *field);
            if (!mask || mask->first != mask->last) {
                return tl::unexpected(fmt::format("the mask of {}", print(*part, {})));
            }
            term.mask = mask->first;
        }
        columns.implied.insert(columns.implied.end(), field->implied.begin(), field->implied.end());
        columns.of.push_back(std::move(term));
        columns.keys.push_back(std::move(*field));
    }
    return columns;
}

Meant<void> RuleMeaning::append_row(const Expr& element, const Columns& columns,
                                    Elements& rows) const {
    const Expr& plain = element.kind == Kind::element ? element.args[0] : element;
    const bool concat = plain.kind == Kind::concat;
    if ((concat ? plain.args.size() : 1) != columns.of.size()) {
        return tl::unexpected(fmt::format("{} has another number of parts", print(plain, {})));
    }
    for (size_t i = 0; i < columns.of.size(); ++i) {
        const auto span = span_of(concat ? plain.args[i] : plain, columns.keys[i]);
        if (!span) {
            return tl::unexpected(span.error());
        }
        rows.spans.push_back(*span);
    }
    return {};
}

Meant<ElementsPtr> RuleMeaning::rows(const std::vector<Expr>& elements,
                                     const Columns& columns) const {
    Elements rows{columns.of.size(), {}};
    for (const Expr& element : elements) {
        if (auto done = append_row(element, columns, rows); !done) {
            return tl::unexpected(done.error());
        }
    }
    return std::make_shared<const Elements>(std::move(rows));
}

Meant<Step> RuleMeaning::in_named_set(const Columns& columns, const Expr& left,
                                      const std::string& name, bool negated) {
    const Set* looked_up = set(name);
    if (looked_up == nullptr) {
        return tl::unexpected(fmt::format("the set {} is not there", name));
    }
    if (ages(*looked_up)) {
        std::string words = fmt::format("{} in {}", print(left, {}), title(*looked_up));
        for (const std::string& property : looked_up->properties) {
            words += "; " + property;
        }
        if (!looked_up->dynamic) {
            words += "; " + print_elements(*looked_up);
        }
        auto field = policy::field::named(Source::opaque, std::move(words), 1, title(*looked_up));
        return Test{{Term{std::move(field)}}, policy::elements({{1, 1}}), negated};
    }
    ElementsPtr& known = sets_[name + " " + print(left, {})];
    if (known == nullptr) {
        auto made = rows(looked_up->elements, columns);
        if (!made) {
            return tl::unexpected(made.error());
        }
        known = std::move(*made);
    }
    return Test{columns.of, known, negated};
}

Meant<Step> RuleMeaning::test(const Columns& columns, const Match& match) {
    const Expr& right = match.right;
    const bool equals = match.op == "==" || match.op == "in";
    if (right.kind == Kind::named_set || right.kind == Kind::set || columns.of.size() > 1) {
        if (!equals && match.op != "!=") {
            return tl::unexpected(fmt::format("{} of a set", match.op));
        }
        if (right.kind == Kind::named_set) {
            return in_named_set(columns, match.left, right.text, !equals);
        }
        auto in = rows(right.kind == Kind::set ? right.args : std::vector<Expr>{right}, columns);
        return in ? Meant<Step>(Test{columns.of, std::move(*in), !equals})
                  : tl::unexpected(in.error());
    }
    const auto span = span_of(right, columns.keys[0]);
    if (!span) {
        return tl::unexpected(span.error());
    }
    auto asks = asked(match.op, *span, columns.of[0].field.width);
    if (!asks) {
        return tl::unexpected(asks.error());
    }
    Term term = columns.of[0];
    term.mask &= asks->mask;
    if (right.kind == Kind::boolean) {  // whether there is one at all
        term.field.name += " exists";
        term.field.width = 1;
    }
    return Test{{std::move(term)}, policy::elements(std::move(asks->spans)), asks->negated};
}

Meant<void> RuleMeaning::add(const Match& match, Steps& steps) {
    auto columns = this->columns(match.left);
    if (!columns) {
        return tl::unexpected(columns.error());
    }
    auto test = this->test(*columns, match);
    if (!test) {
        return tl::unexpected(test.error());
    }
    steps.insert(steps.end(), columns->implied.begin(), columns->implied.end());
    steps.push_back(std::move(*test));
    return {};
}

Meant<policy::Verdict> RuleMeaning::verdict(const Expr& expr) const {
    using Verdict = policy::Verdict;
    constexpr std::pair<std::string_view, Verdict::Kind> kinds[] = {
        {"accept", Verdict::Kind::accept},      {"drop", Verdict::Kind::drop},
        {"continue", Verdict::Kind::next_rule}, {"return", Verdict::Kind::back},
        {"jump", Verdict::Kind::jump},          {"goto", Verdict::Kind::go_to}};
    for (const auto& [name, kind] : kinds) {
        if (name != expr.text || expr.kind != Kind::verdict) {
            continue;
        }
        const auto target = chains_.find(expr.target);
        if (!expr.target.empty() && target == chains_.end()) {
            break;
        }
        return Verdict{kind, {}, expr.target.empty() ? 0 : target->second};
    }
    return tl::unexpected(fmt::format("the verdict {}", print(expr, {})));
}

Meant<void> RuleMeaning::add(const Verdict& statement, Steps& steps) {
    auto verdict = this->verdict(statement.verdict);
    if (!verdict) {
        return tl::unexpected(verdict.error());
    }
    steps.emplace_back(std::move(*verdict));
    return {};
}

Meant<void> RuleMeaning::add(const Limit& limit, Steps& steps) {
    if (limit.name.empty()) {
        steps.emplace_back(drawn(words(limit)));
        return {};
    }
    const auto object =
        std::find_if(table_.objects.begin(), table_.objects.end(),
                     [&](const Object& it) { return it.kind == "limit" && it.name == limit.name; });
    if (object == table_.objects.end()) {
        return tl::unexpected(fmt::format("the limit {} is not there", limit.name));
    }
    std::string content = "limit";
    for (const std::string& property : object->properties) {
        content += property.starts_with("comment") ? "" : " " + property;
    }
    steps.emplace_back(drawn(content, fmt::format("{} limit {}", table_.title(), limit.name)));
    return {};
}

Meant<void> RuleMeaning::add(const Log& log, Steps& steps) {
    steps.emplace_back(policy::Act{words(log), {}});
    return {};
}

Meant<void> RuleMeaning::add(const Reject& reject, Steps& steps) {
    // nft adds these tests where the rule does not have them.
    if (reject.type == "tcp reset") {
        steps.emplace_back(policy::is(policy::field::transport_protocol(), 6));
    } else if (reject.type != "icmpx") {
        const WideNumber ethertype = reject.type == "icmp" ? 0x0800 : 0x86dd;
        steps.emplace_back(policy::is(policy::field::protocol(), ethertype));
    }
    const std::string how = reject.type + (reject.code.empty() ? "" : " " + reject.code);
    steps.emplace_back(policy::Verdict{policy::Verdict::Kind::reject, how, 0});
    return {};
}

Meant<const std::vector<Expr>*> RuleMeaning::pairs(const Expr& data) const {
    if (data.kind == Kind::set) {
        return &data.args;
    }
    const Set* map = data.kind == Kind::named_set ? set(data.text) : nullptr;
    if (map == nullptr || ages(*map)) {
        return tl::unexpected(fmt::format(
            "{}: a map that is not there, or whose elements come and go", print(data, {})));
    }
    return &map->elements;
}

template <typename Mean>
Meant<Step> RuleMeaning::choice(const Columns& columns, const Expr& data, Mean mean) {
    const auto elements = pairs(data);
    if (!elements) {
        return tl::unexpected(elements.error());
    }
    std::vector<Elements> rows;
    std::vector<const Expr*> values;
    std::unordered_map<std::string, size_t> known;
    for (const Expr& element : **elements) {
        const Expr& pair = element.kind == Kind::element ? element.args[0] : element;
        if (pair.kind != Kind::pair) {
            return tl::unexpected(fmt::format("the element {}", print(pair, {})));
        }
        const auto [at, added] = known.emplace(print(pair.args[1], {}), rows.size());
        if (added) {
            rows.push_back({columns.of.size(), {}});
            values.push_back(&pair.args[1]);
        }
        if (auto done = append_row(pair.args[0], columns, rows[at->second]); !done) {
            return tl::unexpected(done.error());
        }
    }
    policy::Choice choice{columns.of, {}};
    for (size_t i = 0; i < rows.size(); ++i) {
        auto steps = mean(*values[i]);
        if (!steps) {
            return tl::unexpected(steps.error());
        }
        choice.branches.push_back(
            {std::make_shared<const Elements>(std::move(rows[i])), std::move(*steps)});
    }
    return choice;
}

Meant<void> RuleMeaning::add(const VerdictMap& map, Steps& steps) {
    const auto columns = this->columns(map.key);
    if (!columns) {
        return tl::unexpected(columns.error());
    }
    auto made = choice(*columns, map.data, [&](const Expr& data) -> Meant<Steps> {
        auto verdict = this->verdict(data);
        return verdict ? Meant<Steps>(Steps{std::move(*verdict)}) : tl::unexpected(verdict.error());
    });
    if (!made) {
        return tl::unexpected(made.error());
    }
    steps.insert(steps.end(), columns->implied.begin(), columns->implied.end());
    steps.push_back(std::move(*made));
    return {};
}

Meant<policy::Value> RuleMeaning::value(const Expr& expr, const KeyField& into) const {
    if (expr.kind == Kind::key) {
        const auto from = field_of(expr, table_.family);
        if (!from || !from->implied.empty()) {
            return tl::unexpected(fmt::format("the value of {}", print(expr, {})));
        }
        return policy::Value{from->field, highest(from->field.width), 0};
    }
    if (expr.kind != Kind::binary) {
        const auto span = span_of(expr, into);
        if (!span || span->first != span->last) {
            return tl::unexpected(fmt::format("the value {}", print(expr, {})));
        }
        return policy::Value{{}, ~WideNumber{0}, span->first};
    }
    auto left = value(expr.args[0], into);
    const auto right = value(expr.args[1], into);
    if (!left || !right || right->from) {
        return tl::unexpected(fmt::format("the value {}", print(expr, {})));
    }
    const WideNumber bits = right->flip;
    if (expr.text == "&") {
        left->mask &= bits;
        left->flip &= bits;
    } else if (expr.text == "|") {
        left->mask &= ~bits;
        left->flip |= bits;
    } else if (expr.text == "^") {
        left->flip ^= bits;
    } else {
        return tl::unexpected(fmt::format("calculating with {}", expr.text));
    }
    return left;
}

Meant<void> RuleMeaning::add(const Assign& assign, Steps& steps) {
    auto into = field_of(assign.key, table_.family);
    const bool stored = into && into->field.source < Source::other;
    if (!stored) {
        if (assign.value.kind != Kind::number && assign.value.kind != Kind::word) {
            return tl::unexpected(fmt::format("writing {}", print(assign.key, {})));
        }
        steps.emplace_back(policy::Act{words(assign), {}});
        return {};
    }
    steps.insert(steps.end(), into->implied.begin(), into->implied.end());
    const auto store = [&](const Expr& data) -> Meant<Steps> {
        auto value = this->value(data, *into);
        return value ? Meant<Steps>(Steps{policy::Store{into->field, std::move(*value)}})
                     : tl::unexpected(value.error());
    };
    if (assign.value.kind != Kind::map) {
        auto made = store(assign.value);
        if (!made) {
            return tl::unexpected(made.error());
        }
        steps.push_back(std::move(made->front()));
        return {};
    }
    const auto columns = this->columns(assign.value.args[0]);
    auto made = columns ? choice(*columns, assign.value.args[1], store)
                        : Meant<Step>(tl::unexpected(columns.error()));
    if (!made) {
        return tl::unexpected(made.error());
    }
    steps.insert(steps.end(), columns->implied.begin(), columns->implied.end());
    steps.push_back(std::move(*made));
    return {};
}

Meant<void> RuleMeaning::add(const NoTrack&, Steps& steps) {
    constexpr WideNumber untracked = 64;
    steps.emplace_back(policy::Store{policy::field::ct_state(), {{}, ~WideNumber{0}, untracked}});
    return {};
}

// Carried word by word, and not understood.
Meant<void> RuleMeaning::add(const Verbatim& verbatim, Steps&) {
    return tl::unexpected(
        fmt::format("{} is carried as it stands, its meaning is not modelled", words(verbatim)));
}

// Adding may fail when the set is full, and what is counted for the element may say no; both end
// the rule.
Meant<void> RuleMeaning::add(const Update& update, Steps& steps) {
    const Set* changed = set(update.set);
    if (changed == nullptr) {
        return tl::unexpected(fmt::format("the set {} is not there", update.set));
    }
    std::string all = words(update);
    for (const std::string& property : changed->properties) {
        all += "; " + property;
    }
    steps.emplace_back(policy::Act{all, title(*changed)});
    steps.emplace_back(drawn(all, title(*changed)));
    return {};
}

Meant<void> RuleMeaning::set_target(const Expr& data, bool port, policy::Nat& nat) const {
    KeyField key;
    const bool ip6 = data.kind == Kind::range ? data.args[0].address.family == Family::v6
                                              : data.address.family == Family::v6;
    key.field = port  ? policy::field::destination_port()
                : ip6 ? policy::field::ip6_destination()
                      : policy::field::ip4_destination();
    const auto span = span_of(data, key);
    if (!span) {
        return tl::unexpected(span.error());
    }
    (port ? nat.port : nat.address) = *span;
    nat.ip6 = port ? nat.ip6 : ip6;
    return {};
}

Meant<void> RuleMeaning::add(const Nat& nat, Steps& steps) {
    using Kinds = policy::Nat::Kind;
    constexpr std::pair<std::string_view, Kinds> kinds[] = {{"dnat", Kinds::destination},
                                                            {"snat", Kinds::source},
                                                            {"masquerade", Kinds::masquerade},
                                                            {"redirect", Kinds::redirect}};
    policy::Nat made;
    for (const auto& [name, kind] : kinds) {
        made.kind = name == nat.kind ? kind : made.kind;
    }
    std::vector<std::string> flags = nat.flags;
    if (nat.prefix) {
        flags.emplace_back("prefix");
    }
    std::sort(flags.begin(), flags.end());
    for (const std::string& flag : flags) {
        made.flags += (made.flags.empty() ? "" : ",") + flag;
    }
    if (!nat.family.empty()) {  // in an inet table the other family passes by
        const WideNumber ethertype = nat.family == "ip" ? 0x0800 : 0x86dd;
        steps.emplace_back(policy::is(policy::field::protocol(), ethertype));
    }
    return add_nat(made, nat, steps);
}

Meant<void> RuleMeaning::add_nat(const policy::Nat& nat, const Nat& from, Steps& steps) {
    policy::Nat made = nat;
    if (!from.port.empty()) {
        if (auto done = set_target(from.port[0], true, made); !done) {
            return done;
        }
    }
    if (from.address.empty()) {
        steps.emplace_back(std::move(made));
        return {};
    }
    const Expr& address = from.address[0];
    const auto target = [&](const Expr& data) -> Meant<Steps> {
        policy::Nat each = made;
        const bool both = data.kind == Kind::concat && data.args.size() == 2;
        auto done = set_target(both ? data.args[0] : data, false, each);
        if (done && both) {
            done = set_target(data.args[1], true, each);
        }
        return done ? Meant<Steps>(Steps{std::move(each)}) : tl::unexpected(done.error());
    };
    if (address.kind != Kind::map) {
        auto one = target(address);
        if (!one) {
            return tl::unexpected(one.error());
        }
        steps.push_back(std::move(one->front()));
        return {};
    }
    const auto columns = this->columns(address.args[0]);
    auto choice = columns ? this->choice(*columns, address.args[1], target)
                          : Meant<Step>(tl::unexpected(columns.error()));
    if (!choice) {
        return tl::unexpected(choice.error());
    }
    steps.insert(steps.end(), columns->implied.begin(), columns->implied.end());
    steps.push_back(std::move(*choice));
    return {};
}

}  // namespace rehome::lbsync::nft
