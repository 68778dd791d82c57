#include "lbsync/kernel/raw.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::kernel {

namespace {

using Matches = std::vector<lbsync::Match>;

constexpr uint64_t meta_protocol = 1;
constexpr uint64_t meta_nfproto = 15;
constexpr uint64_t meta_l4proto = 16;

Expr key(std::string text) {
    Expr expr;
    expr.kind = Expr::Kind::key;
    expr.text = std::move(text);
    return expr;
}

Expr number(uint64_t value) {
    Expr expr;
    expr.number = value;
    return expr;
}

Expr word(std::string text) {
    Expr expr;
    expr.kind = Expr::Kind::word;
    expr.text = std::move(text);
    return expr;
}

uint64_t value_of(const Bytes& bytes) {
    uint64_t value = 0;
    for (const uint8_t byte : bytes) {
        value = value << 8 | byte;
    }
    return value;
}

bool is_address(const Expr& place) {
    const Expr& expr = place.kind == Expr::Kind::binary ? place.args[0] : place;
    return expr.text.ends_with(" saddr") || expr.text.ends_with(" daddr");
}

// Of a header, by nft's name of it.
bool is_header_field(const Expr& place) {
    const Expr& expr = place.kind == Expr::Kind::binary ? place.args[0] : place;
    const std::string first = expr.text.substr(0, expr.text.find(' '));
    return expr.kind == Expr::Kind::key && first != "meta" && first != "ct" && first != "fib" &&
           first != "numgen" && expr.text.find(' ') != std::string::npos;
}

// Tests that nft implies, or leaves out.
bool is_protocol(const Expr& place) {
    return place.text == "meta l4proto" || place.text == "meta nfproto" ||
           place.text == "meta protocol";
}

class Rewriter {
public:
    explicit Rewriter(const NormalRule& runs) : runs_(runs) {}

    std::optional<lbsync::Rule> rewrite(const lbsync::Rule& read) {
        lbsync::Rule rule = read;
        rule.statements.clear();
        Matches matches;
        for (const Statement& statement : read.statements) {
            if (const auto* match = std::get_if<Match>(&statement)) {
                matches.push_back(*match);
                continue;
            }
            if (std::holds_alternative<Verbatim>(statement) || !tests(matches, rule) ||
                step_ == runs_.steps.size()) {
                return {};
            }
            ++step_;  // the act that the statement stands for
            rule.statements.push_back(statement);
        }
        const bool all = tests(matches, rule) && step_ == runs_.steps.size();
        return all ? std::optional(std::move(rule)) : std::nullopt;
    }

private:
    // The tests up to the next act, in words: what the matches say of other than headers, and what
    // the kernel looks at in headers.
    bool tests(Matches& matches, lbsync::Rule& rule) {
        bool addressed = false;
        for (Match& match : matches) {
            if (!is_protocol(match.left) &&
                (!is_header_field(match.left) || is_address(match.left))) {
                addressed |= is_address(match.left);
                rule.statements.emplace_back(std::move(match));
            }
        }
        matches.clear();
        for (; step_ < runs_.steps.size(); ++step_) {
            const auto* test = std::get_if<Test>(&runs_.steps[step_]);
            if (test == nullptr) {
                return true;
            }
            if (!one(*test, addressed, rule)) {
                return false;
            }
        }
        return true;
    }

    // What the matches have said already (connection states, addresses) is passed over.
    bool one(const Test& test, bool addressed, lbsync::Rule& rule) {
        const Byte& front = test.value.front();
        if (front.source == Byte::constant) {
            return false;
        }
        const Node& load = runs_.sources[front.source].load;
        if (load.group == "meta") {
            return protocol(test, load.number("key"), addressed, rule);
        }
        if (load.group != "payload") {
            return true;
        }
        return header(test, load, addressed, rule);
    }

    static bool protocol(const Test& test, uint64_t meta_key, bool addressed, lbsync::Rule& rule) {
        const uint64_t value = value_of(test.first);
        if (meta_key == meta_l4proto || meta_key == meta_protocol) {
            rule.statements.emplace_back(
                Match{"==", key(meta_key == meta_l4proto ? "meta l4proto" : "meta protocol"),
                      number(value)});
        } else if (meta_key == meta_nfproto && !addressed) {
            rule.statements.emplace_back(
                Match{"==", key("meta nfproto"), word(value == 10 ? "ipv6" : "ipv4")});
        } else {
            return true;
        }
        return test.op == Test::Op::eq;
    }

    static bool header(const Test& test, const Node& load, bool addressed, lbsync::Rule& rule) {
        static constexpr std::string_view bases[] = {"ll", "nh", "th"};
        const uint64_t base = load.number("base");
        const Byte& front = test.value.front();
        constexpr uint64_t network = 1;
        if (base == network && addressed && front.index >= 8 && test.value.size() >= 4) {
            return true;  // an address, which is said already
        }
        // Behind byte 8 lie addresses, but for IPv4's protocol; no mapping would find them here.
        constexpr uint16_t protocol_byte = 9;
        const bool hides = base == network && front.index + test.value.size() > 8 &&
                           (front.index != protocol_byte || test.value.size() != 1);
        const bool plain = !hides && test.value.size() <= sizeof(uint64_t) && base < 3 &&
                           std::all_of(test.value.begin(), test.value.end(), [&](const Byte& byte) {
                               return byte.source == front.source && byte.flip == 0;
                           });
        if (!plain || test.op > Test::Op::ne) {
            return false;
        }
        Bytes mask;
        std::transform(test.value.begin(), test.value.end(), std::back_inserter(mask),
                       [](const Byte& byte) { return byte.mask; });
        Expr place =
            key(fmt::format("@{},{},{}", bases[base], front.index * 8, test.value.size() * 8));
        if (std::any_of(mask.begin(), mask.end(), [](uint8_t byte) { return byte != 0xff; })) {
            Expr masked;
            masked.kind = Expr::Kind::binary;
            masked.text = "&";
            masked.args = {std::move(place), number(value_of(mask))};
            place = std::move(masked);
        }
        rule.statements.emplace_back(Match{test.op == Test::Op::eq ? "==" : "!=", std::move(place),
                                           number(value_of(test.first))});
        return true;
    }

    const NormalRule& runs_;
    size_t step_ = 0;
};

}  // namespace

std::optional<lbsync::Rule> raw_rule(const lbsync::Rule& read, const NormalRule& runs) {
    return Rewriter(runs).rewrite(read);
}

lbsync::Rule* find_rule(lbsync::Ruleset& ruleset, const Table& table, const Chain& chain,
                        uint64_t handle) {
    for (lbsync::Table& one : ruleset.tables) {
        if (one.family != table.family || one.name != table.name()) {
            continue;
        }
        for (lbsync::Chain& other : one.chains) {
            const auto found =
                std::find_if(other.rules.begin(), other.rules.end(), [&](const auto& rule) {
                    return other.name == chain.self.node.text("name") && rule.handle == handle;
                });
            if (found != other.rules.end()) {
                return &*found;
            }
        }
    }
    return nullptr;
}

std::string raw_name(const Table& table, const Chain& chain, uint64_t handle) {
    return fmt::format("{} {} {} {}", table.family, table.name(), chain.self.node.text("name"),
                       handle);
}

}  // namespace rehome::lbsync::kernel
