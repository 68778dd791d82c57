// A host's rule sets as its kernel runs them: tables, chains, rules, sets and their order.
//
// Read whole in one generation of the kernel's own count, so that its parts belong together.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lbsync/kernel/node.h"

namespace rehome::lbsync::kernel {

// A node, and what in it this program does not know.
struct Part {
    Node node;
    std::vector<std::string> unknown;
    bool operator==(const Part&) const = default;
};

struct Chain {
    Part self;
    std::vector<Part> rules;  // in the order in which they run
    bool operator==(const Chain&) const = default;
};

// Anonymous ones, which stand within a rule, are sets too.
struct Set {
    Part self;
    std::vector<Node> elements;
    bool operator==(const Set&) const = default;
};

struct Table {
    std::string family;  // as nft names it
    Part self;
    std::vector<Chain> chains;
    std::vector<Set> sets;
    std::vector<Part> objects;
    std::vector<Part> flowtables;

    std::string name() const { return self.node.text("name"); }
    bool operator==(const Table&) const = default;
};

// The base chains of one hook, in the order in which they run.
struct HookedChain {
    std::string family;
    std::string table;
    std::string chain;
    bool operator==(const HookedChain&) const = default;
};
struct HookOrder {
    std::string family;  // of the hook: "ip" holds the chains of inet too
    uint32_t hook = 0;   // the kernel's number
    std::string device;  // of netdev's hooks
    std::vector<HookedChain> chains;
    bool operator==(const HookOrder&) const = default;
};

struct Ruleset {
    uint32_t generation = 0;
    bool little_endian = true;  // how the host's own numbers lie in registers
    std::map<uint32_t, std::string> interfaces;
    std::vector<Table> tables;
    // None: the kernel does not tell (nfnetlink_hook).
    std::optional<std::vector<HookOrder>> hooks;

    const Table* find(std::string_view family, std::string_view name) const;
    bool operator==(const Ruleset&) const = default;
};

// nft's word for an address family (NFPROTO_*); empty: unknown.
std::string_view family_name(uint8_t family);

}  // namespace rehome::lbsync::kernel
