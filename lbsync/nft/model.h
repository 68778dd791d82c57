// nftables' rule sets as their syntax trees.
//
// Every address in a rule is a typed Expr of kind address, prefix or range, so that a mapping
// between sites can reach all of them; what would hide an address (raw payload bytes, masks,
// hashes) has no place in the model and makes its rule "not provable" where it is read.  Handles
// and counters' values are not policy: the handle is kept only to name a rule in a message.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"

namespace rehome::lbsync {

// A value or a place in a packet, after the grammar of libnftables-json(5).
struct Expr {
    enum class Kind : uint8_t {
        number,     // number
        word,       // text: a symbol ("established") or an interface's name
        boolean,    // number: 0 or 1
        address,    // address
        prefix,     // address and number (its length)
        range,      // args: first, last
        flags,      // args: words that a field holds at once ("syn,ack")
        set,        // args: elements of an anonymous set, or pairs of an anonymous map
        pair,       // args: key, value (a map's element)
        named_set,  // text: the name, without "@"
        concat,     // args
        key,        // text: where it is read, in nft's words ("ip saddr"); type: of what it holds
        binary,     // text: the operator; args: left, right
        map,        // args: key, and a set or a named_set
        verdict,    // text: accept, drop, return, continue, jump, goto; target: a chain
        element,    // args: the value; text: what stands behind it ("timeout 1h comment \"x\"")
    };

    Kind kind = Kind::number;
    std::string text;
    std::string target;
    std::string type;
    uint64_t number = 0;
    Address address;
    std::vector<Expr> args;
};

// The data types that print or map in a way of their own; a concatenation has one for each part.
using Types = std::vector<std::string>;

struct Match {
    std::string op;  // "==", "in" (has a flag of), "!" (has none of), "!=", "<", ...
    Expr left;
    Expr right;
};
struct Verdict {
    Expr verdict;
};
struct Counter {
    std::string name;  // empty: the rule's own
};
struct Limit {
    std::string name;  // empty: the rule's own, with what follows
    bool over = false;
    uint64_t rate = 0;
    std::string unit;  // empty: packets
    std::string per;
    uint64_t burst = 0;
    std::string burst_unit;
};
struct Log {
    std::vector<std::string> words;  // "prefix \"x\"", "group 2": nft's words in nft's order
};
struct Reject {
    std::string type;  // "icmp", "icmpx", "tcp reset"; never empty
    std::string code;
};
struct Nat {
    std::string kind;           // dnat, snat, masquerade, redirect
    std::string family;         // "ip", "ip6" or empty
    std::vector<Expr> address;  // none or one
    std::vector<Expr> port;     // none or one
    std::vector<std::string> flags;
    bool prefix = false;  // a whole prefix is moved onto another
};
struct Assign {  // "meta mark set 1"
    Expr key;
    Expr value;
};
struct VerdictMap {
    Expr key;
    Expr data;
};
struct NoTrack {};
// A whole rule in nft's own words, for which there is no model.  It is doubted, unless what the
// kernel runs shows that nothing in it belongs to a site (kernel/siteless.h).
struct Verbatim {
    std::string words;
};
struct Update;  // "add @seen { ip saddr limit rate over 5/second }"

using Statement = std::variant<Match, Verdict, Counter, Limit, Log, Reject, Nat, Assign, VerdictMap,
                               NoTrack, Verbatim, Update>;

struct Update {
    std::string op;  // add, update, delete
    std::string set;
    Expr key;
    std::vector<Statement> statements;
};

struct Rule {
    uint64_t handle = 0;
    std::string comment;
    std::vector<Statement> statements;
};

struct Chain {
    std::string name;
    // Everything but the rules, each as nft prints it: comment, "type ... hook ...; policy ...;".
    std::vector<std::string> properties;
    std::vector<Rule> rules;
};

// A named set or map.
struct Set {
    std::string kind;  // "set", "map"
    std::string name;
    std::vector<std::string> properties;  // "type ipv4_addr", "flags interval", "auto-merge", ...
    Types key_types;
    Types data_types;
    bool dynamic = false;  // filled by rules: its elements are state, not policy
    bool interval = false;
    std::vector<Expr> elements;
};

// A named counter or limit, as nft prints what is inside.
struct Object {
    std::string kind;
    std::string name;
    std::vector<std::string> properties;
};

struct Table {
    std::string family;
    std::string name;
    std::vector<std::string> properties;
    std::vector<Object> objects;
    std::vector<Set> sets;
    std::vector<Chain> chains;

    std::string title() const { return "table " + family + " " + name; }
};

struct Ruleset {
    std::vector<Table> tables;
};

}  // namespace rehome::lbsync
