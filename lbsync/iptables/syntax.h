// What iptables-save and ipset save print, as it stands there.
//
// Nothing is interpreted: a rule is its parts in their order, each with the module that it belongs
// to, so that the words that were read can be printed again from it.  Counters' values are state
// and are not kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/address.h"
#include "lbsync/iptables/words.h"

namespace rehome::lbsync::iptables {

// One thing that a rule says.
struct Part {
    enum class Kind : uint8_t {
        base,    // "-s 10.0.0.0/8": name is the option, without a module
        match,   // "-m tcp": name is the module, and opens it
        target,  // "-j LOG", "-g CHAIN": name is the module or chain, option says which
        option,  // "--dport 22": belongs to the module that the part at `of` opened
        text,    // words of which nobody knows whose they are
    };

    Kind kind = Kind::base;
    bool negated = false;
    bool implied = false;  // a match that -p alone loads, and that does not stand there
    std::string option{};  // as it stands there: "-s", "--dport", "-j"
    std::string name{};    // of the match or target
    size_t of = 0;         // index of the part that opened the option's module
    std::vector<Word> values{};
};

struct Rule {
    unsigned line = 0;
    std::vector<Part> parts;
    std::string unknown;  // the match or target that is not known; empty: all are

    // The options of the module that this part opened, in their order.
    std::vector<const Part*> options_of(size_t part) const;
};

struct Chain {
    unsigned line = 0;
    std::string name;
    std::string policy;  // ACCEPT, DROP; "-": a chain of the user's own
    std::vector<Rule> rules;
};

struct Table {
    unsigned line = 0;
    std::string name;
    std::vector<Chain> chains;

    const Chain* chain(const std::string& chain_name) const;
};

enum class Backend : uint8_t { legacy, nft };

// One family's tables, of one backend.
struct Save {
    Family family = Family::v4;
    Backend backend = Backend::legacy;
    std::vector<Table> tables;
};

// What iptables-save says that it does not show: "# Table `x' is incompatible, use 'nft' tool."
struct Warning {
    unsigned line = 0;
    std::string words;
};

struct SetElement {
    unsigned line = 0;
    std::string value;  // "10.0.0.1,tcp:80"
    std::vector<Word> options;
};

// A named set of ipset.
struct IpSet {
    unsigned line = 0;
    std::string name;
    std::string type;  // "hash:ip,port"
    std::vector<Word> options;
    std::vector<SetElement> elements;
};

// All that a dump holds; a file may hold several dumps, one behind the other.
struct Dump {
    std::vector<Save> saves;
    std::vector<IpSet> sets;
    std::vector<Warning> warnings;
    bool has_sets = false;  // an `ipset save` was read, though it may hold no set
};

}  // namespace rehome::lbsync::iptables
