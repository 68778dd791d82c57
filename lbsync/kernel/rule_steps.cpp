#include "lbsync/kernel/rule_steps.h"
#include "lbsync/kernel/canonical.h"
#include "lbsync/kernel/flow.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::kernel {

namespace {

namespace field = policy::field;
using policy::Field;
using Refused = tl::unexpected<std::string>;
using Where = Field::Source;

constexpr uint32_t nf_drop = 0;
constexpr uint32_t nf_accept = 1;
constexpr uint32_t nf_queue = 3;
constexpr int32_t nft_continue = -1;
constexpr int32_t nft_break = -2;
constexpr int32_t nft_jump = -3;
constexpr int32_t nft_goto = -4;
constexpr int32_t nft_return = -5;

std::optional<Where> header_of(uint64_t ethertype) {
    switch (ethertype) {
        case 0x0800:
            return Where::ip4;
        case 0x86dd:
            return Where::ip6;
        case 0x0806:
            return Where::arp;
        default:
            return {};
    }
}

std::optional<Where> header_of_table(std::string_view family) {
    if (family == "ip") {
        return Where::ip4;
    }
    if (family == "ip6") {
        return Where::ip6;
    }
    return family == "arp" ? std::optional(Where::arp) : std::nullopt;
}

class Rule {
public:
    Rule(const NormalRule& rule, TableContext& table) : rule_(rule), table_(table) {
        table_.context.network = header_of_table(table.table.family);
    }

    Understood<Steps> read() {
        for (const auto& step : rule_.steps) {
            const auto done = std::visit([&](const auto& it) { return (*this)(it); }, step);
            if (!done) {
                return Refused(done.error());
            }
        }
        return std::move(steps_);
    }

    Understood<> operator()(const Test& test) {
        if (test.found) {
            return {};  // the choice that follows ends the rule where the map gives nothing
        }
        const auto of = pieces(test.value, rule_.sources, table_.context);
        if (!of) {
            return Refused(of.error());
        }
        exists(test.value);
        if (!test.set.empty()) {
            return in_set(test, *of);
        }
        if (test.op == Test::Op::eq) {
            return equal(test, *of);
        }
        if (test.op == Test::Op::ne) {
            return unequal(test, *of);
        }
        return ordered(test, *of);
    }

    Understood<> operator()(const Verdict& it) {
        return verdict(it.code, it.chain, table_).map([&](const policy::Verdict& meant) {
            steps_.emplace_back(meant);
        });
    }

    Understood<> operator()(const Act& act) {
        return act_steps(act, rule_, table_).map([&](const Steps& more) {
            steps_.insert(steps_.end(), more.begin(), more.end());
        });
    }

private:
    // A header that a packet may lack ends the rule there, whatever is tested of it.
    void exists(const Word& word) {
        for (const Byte& byte : word) {
            const Source* source =
                byte.source == Byte::constant ? nullptr : &rule_.sources[byte.source];
            if (source == nullptr || source->load.group != "exthdr" ||
                (source->load.number("flags") & 1) != 0) {
                continue;
            }
            const std::string name = "has " + header_name(source->load);
            if (std::find(present_.begin(), present_.end(), name) == present_.end()) {
                present_.push_back(name);
                steps_.emplace_back(policy::is(field::named(Where::other, name), 1));
            }
        }
    }

    // Bytes that no packet decides: whether they are as they must be.
    static bool constants_hold(const Test& test) {
        for (size_t i = 0; i < test.value.size(); ++i) {
            if (test.value[i].source == Byte::constant && test.value[i].flip != test.first[i]) {
                return false;
            }
        }
        return true;
    }

    Understood<> equal(const Test& test, const std::vector<Piece>& of) {
        if (!constants_hold(test)) {
            return Refused("a test that no packet passes");
        }
        for (const Piece& piece : of) {
            const auto value = span(piece, test.first, test.first, table_.context);
            if (!value) {
                return Refused(value.error());
            }
            learn(piece, *value);
            steps_.emplace_back(policy::Test{{term(piece)}, policy::elements({*value}), false});
        }
        return {};
    }

    Understood<> unequal(const Test& test, const std::vector<Piece>& of) {
        std::vector<policy::Term> terms;
        std::vector<policy::Span> row;
        for (const Piece& piece : of) {
            const auto value = span(piece, test.first, test.first, table_.context);
            if (!value) {
                return Refused(value.error());
            }
            terms.push_back(term(piece));
            row.push_back(*value);
        }
        if (terms.empty() || !constants_hold(test)) {
            return Refused("a test of nothing that a packet holds");
        }
        const size_t columns = terms.size();
        steps_.emplace_back(
            policy::Test{std::move(terms), policy::elements(std::move(row), columns), true});
        return {};
    }

    // <, <=, >, >= and ranges, of one field as the network writes it.
    Understood<> ordered(const Test& test, const std::vector<Piece>& of) {
        const bool simple = of.size() == 1 && of[0].count == test.value.size() &&
                            (!of[0].little || of[0].count == 1) && of[0].flip == 0;
        if (!simple) {
            return Refused("an order of several fields, or of a number in the host's own order");
        }
        Bytes from = test.first;
        Bytes to = test.last;
        if (test.last.empty()) {
            const bool less = test.op == Test::Op::lt || test.op == Test::Op::le;
            (less ? to : from) = test.first;
            (less ? from : to).assign(test.first.size(), less ? 0x00 : 0xff);
        }
        if ((test.op == Test::Op::lt && !step(to, false)) ||
            (test.op == Test::Op::gt && !step(from, true)) || to < from) {
            return Refused("a test that no packet passes");
        }
        const auto values = span(of[0], from, to, table_.context);
        if (!values) {
            return Refused(values.error());
        }
        steps_.emplace_back(policy::Test{
            {term(of[0])}, policy::elements({*values}), test.op == Test::Op::out_of_range});
        return {};
    }

    // The next or the previous number of as many bytes; false: there is none.
    static bool step(Bytes& number, bool up) {
        for (auto byte = number.rbegin(); byte != number.rend(); ++byte) {
            const bool carries = *byte == (up ? 0xff : 0x00);
            *byte = static_cast<uint8_t>(up ? *byte + 1 : *byte - 1);
            if (!carries) {
                return true;
            }
        }
        return false;
    }

    Understood<> in_set(const Test& test, const std::vector<Piece>& of) {
        const Set& set = *table_.sets.find(test.set);
        const bool negated = test.op == Test::Op::out_of_set;
        std::vector<policy::Term> terms;
        const std::string is_in =
            table_.sets.dynamic(set) ? "in " + words_of_dynamic(table_, set) : "in @" + test.set;
        std::string words = is_in;
        for (const Piece& piece : of) {
            terms.push_back(term(piece));
            words += fmt::format(" {}&{}", policy::text(piece.field),
                                 policy::text(piece.field, terms.back().mask));
        }
        if (table_.sets.dynamic(set)) {
            steps_.emplace_back(policy::Test{
                {{field::named(Where::opaque, words, 1, instance_of(table_, test.set))}},
                policy::elements({{1, 1}}),
                negated});
            return {};
        }
        policy::ElementsPtr& known = table_.known[words];
        if (known == nullptr) {
            const auto all = rows(set, test.value, of, table_.context);
            if (!all) {
                return Refused(fmt::format("set {}: {}", test.set, all.error()));
            }
            std::vector<policy::Span> spans;
            for (const Row& row : *all) {
                spans.insert(spans.end(), row.spans.begin(), row.spans.end());
            }
            known = policy::elements(std::move(spans), std::max<size_t>(terms.size(), 1));
        }
        steps_.emplace_back(policy::Test{std::move(terms), known, negated});
        return {};
    }

    // Which network header the packet has, from here on.
    void learn(const Piece& piece, const policy::Span& value) {
        const auto number = static_cast<uint64_t>(value.first);
        if (piece.field == field::family()) {
            table_.context.network = number == 2    ? std::optional(Where::ip4)
                                     : number == 10 ? std::optional(Where::ip6)
                                                    : std::nullopt;
        } else if (piece.field == field::protocol() || piece.field == field::ether_type() ||
                   piece.field == field::vlan_type()) {
            if (const auto header = header_of(number)) {
                table_.context.network = header;
            }
        }
    }

    const NormalRule& rule_;
    TableContext& table_;
    Steps steps_;
    std::vector<std::string> present_;
};

}  // namespace

std::string instance_of(const TableContext& table, const std::string& name) {
    return fmt::format("{} {} {}", table.table.family, table.table.name(), name);
}

std::string words_of_dynamic(const TableContext& table, const Set& set) {
    const std::string name = set.self.node.text("name");
    const auto has_one = [&](const Table& other) {
        return std::any_of(other.sets.begin(), other.sets.end(),
                           [&](const Set& it) { return it.self.node.text("name") == name; });
    };
    const auto& tables = table.context.host->tables;
    const bool alone = std::count_if(tables.begin(), tables.end(), has_one) <= 1;
    return fmt::format("@{} {}", alone ? name : instance_of(table, name), declared(set));
}

Understood<policy::Verdict> verdict(int32_t code, const std::string& chain,
                                    const TableContext& table) {
    using Kind = policy::Verdict::Kind;
    const auto to_chain = [&](Kind kind) -> Understood<policy::Verdict> {
        const auto found = table.chains.find(chain);
        if (found == table.chains.end()) {
            return Refused(fmt::format("a jump to chain {}, which is not there", in_quotes(chain)));
        }
        return policy::Verdict{kind, "", found->second};
    };
    switch (code) {
        case nft_jump:
            return to_chain(Kind::jump);
        case nft_goto:
            return to_chain(Kind::go_to);
        case nft_return:
            return policy::Verdict{Kind::back, "", 0};
        case nft_continue:
        case nft_break:
            return policy::Verdict{Kind::next_rule, "", 0};
        default:
            break;
    }
    const auto bits = static_cast<uint32_t>(code);
    switch (bits & 0xffff) {
        case nf_drop:
            return policy::Verdict{Kind::drop, "", 0};
        case nf_accept:
            return policy::Verdict{Kind::accept, "", 0};
        case nf_queue:
            return policy::Verdict{Kind::hand_over, fmt::format("queue num {}", bits >> 16), 0};
        default:
            return Refused(fmt::format("verdict {}", code));
    }
}

Understood<Steps> rule_steps(const Node& rule, TableContext& table) {
    const auto normal = normal_form(rule, table.sets);
    if (!normal) {
        return Refused(normal.error());
    }
    return Rule(*normal, table).read();
}

}  // namespace rehome::lbsync::kernel
