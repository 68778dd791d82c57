// What a policy means, in typed fields, apart from every syntax.
//
// nft's expressions and text, iptables' rules and whatever else is read are written into this, and
// the proof (lbsync/proof/) reads nothing else.  A packet goes through the base chains of a hook in
// the order of their priority; `accept` ends its own base chain, and the next one sees the packet.
// A rule's steps are taken in order; a test that is false ends the rule, and the next rule is
// tried.
//
// All values are those of one site's words after mapping: the old site's policy is mapped before it
// is compared.  What a reader does not understand is no step but a Doubt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lbsync/policy/doubt.h"
#include "lbsync/policy/field.h"

namespace rehome::lbsync::policy {

// Both ends included.
struct Span {
    WideNumber first = 0;
    WideNumber last = 0;

    auto operator<=>(const Span&) const = default;
};

// Rows of one span a column: a plain set has one column, a concatenation several.
struct Elements {
    size_t columns = 1;
    std::vector<Span> spans;  // row by row

    size_t rows() const { return spans.size() / columns; }
    bool operator==(const Elements&) const = default;
};

// Named sets are shared by the rules that look into them.
using ElementsPtr = std::shared_ptr<const Elements>;

// A field's value with only the bits of the mask.
struct Term {
    Field field;
    WideNumber mask = ~WideNumber{0};

    bool operator==(const Term&) const = default;
};

// True when the packet holds all fields, and their values are (or, negated, are not) a row of `in`.
struct Test {
    std::vector<Term> of;  // as many as `in` has columns
    ElementsPtr in;
    bool negated = false;
};

// What ends a rule, and where the packet goes.
struct Verdict {
    enum class Kind : uint8_t {
        accept,     // this base chain is done
        drop,       // silently
        reject,     // drop and say so: detail tells how ("icmp port-unreachable", "tcp reset")
        hand_over,  // to something else: detail tells what ("queue num 1", "stolen by vipd")
        next_rule,  // nft's "continue"
        back,       // "return": to behind the jump, or to the policy
        jump,
        go_to,
    };

    Kind kind = Kind::accept;
    std::string detail;
    size_t target = 0;  // of jump and go_to: an index of Policy::chains

    bool operator==(const Verdict&) const = default;
};

// A value that a rule writes: (what `from` holds & mask) ^ flip; without `from`, flip itself.
struct Value {
    std::optional<Field> from;
    WideNumber mask = ~WideNumber{0};
    WideNumber flip = 0;
};

// Writes into a field: mark, ct_mark, ct_zone, ct_label; ct_state for "notrack" (untracked); header
// fields that a rule rewrites; others by name ("meta priority").
struct Store {
    Field into;
    Value value;
};

// Anything else that is done with a packet on its way, in words with every address mapped: "log
// prefix \"x\" group 2", "dup to 192.0.2.1 device eth1".  Two are the same when their words are.
struct Act {
    std::string words;
    // A set whose members this changes.  A set that is both changed and looked up cannot be proven.
    std::string set;
};

// Address translation, which ends the base chain and binds the connection.  A target from a map is
// a Choice of several.
struct Nat {
    enum class Kind : uint8_t { destination, source, masquerade, redirect };

    Kind kind = Kind::destination;
    bool ip6 = false;             // what the address is
    std::optional<Span> address;  // none: kept
    std::optional<Span> port;     // none: kept, or chosen by the kernel
    std::string flags;            // "random,persistent", "netmap", in one order
};

struct Choice;
using Step = std::variant<Test, Verdict, Store, Act, Nat, Choice>;

// What a map does: the rows of all branches are disjoint, the first branch that holds the fields'
// values is taken, and none ends the rule.  When its steps have not ended the rule, it goes on.
struct Choice {
    struct Branch {
        ElementsPtr in;
        std::vector<Step> steps;
    };

    std::vector<Term> of;
    std::vector<Branch> branches;
};

struct Rule {
    std::vector<Step> steps;
    uint64_t number = 0;  // its handle, or its line
    std::string words;    // its own, for people
};

// Which packets of which way a base chain sees.
enum class Layer : uint8_t { ip4, ip6, inet, arp, bridge, netdev };
enum class Stage : uint8_t {
    ingress,  // netdev's and inet's, by device
    prerouting,
    input,
    forward,
    output,
    postrouting,
    egress,  // netdev's
};

struct Hook {
    Layer layer = Layer::inet;
    Stage stage = Stage::input;
    int priority = 0;
    // Its place among the chains of the same stage and priority that see the same packets, as the
    // kernel's hook dump tells it; none: not known.
    std::optional<uint32_t> rank;
    // Of a chain that sees both families: its place where IPv6 passes.
    std::optional<uint32_t> rank6{};
    bool nat = false;  // a chain of type nat: it sees the first packet of a connection alone
    // Of type route: what leaves it with another mark, address or DSCP is routed once more.
    bool route = false;
    Verdict policy;                    // accept or drop
    std::vector<std::string> devices;  // of ingress and egress

    std::optional<uint32_t> rank_of(bool ip6) const { return ip6 && rank6 ? rank6 : rank; }
};

struct Chain {
    std::string name;
    std::string where;  // "netns:old-s1: table inet filter: chain input"
    std::optional<Hook> hook;
    std::vector<Rule> rules;
    std::string table{};  // "inet filter"
};

struct Policy {
    std::vector<Chain> chains;
    std::vector<Doubt> doubts;
};

// Where a rule stands: "netns:old-s1: table inet filter: chain input: rule 7".
std::string place(const Chain& chain, const Rule& rule);

// In an operator's words: "reject with tcp reset", "dnat to 10.1.1.11:8080 random".
std::string words(const Verdict& verdict);
std::string words(const Nat& nat);

// A set of these rows.
ElementsPtr elements(std::vector<Span> spans, size_t columns = 1);

// "FIELD is VALUE", the commonest test.
Test is(Field field, WideNumber value);

}  // namespace rehome::lbsync::policy
