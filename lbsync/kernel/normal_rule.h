// A rule by the data flow of its bytes (flow.h), and the sets that it names.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "lbsync/kernel/ruleset.h"

namespace rehome::lbsync::kernel {

// (the source's byte & mask) ^ flip; a constant has no source, mask 0, and flip as its value.
struct Byte {
    static constexpr uint16_t constant = UINT16_MAX;
    uint16_t source = constant;  // index into the rule's sources
    uint16_t index = 0;
    uint8_t mask = 0;
    uint8_t flip = 0;
    bool operator==(const Byte&) const = default;
};
using Word = std::vector<Byte>;

// A place from which bytes are loaded: "payload network", "meta(key=16)", "fib(...)".
struct Source {
    std::string name;
    unsigned epoch = 0;  // how many acts that change packets or state stand before it in its rule
    Node load;           // the expression; of a calculation or a map, the one that makes it
    Word key;            // what a map is asked for, or what a hash is taken of
};

struct Test {
    enum class Op : uint8_t { eq, ne, lt, le, gt, ge, in_range, out_of_range, in_set, out_of_set };
    Op op = Op::eq;
    Word value;
    Bytes first;  // what it is compared with, or the range's first
    Bytes last;
    std::string set;     // its name
    bool found = false;  // the set is a map, and what it gives is used by an act that follows
    bool operator==(const Test&) const = default;
};

struct Verdict {
    int32_t code = 0;  // NF_DROP, NF_ACCEPT, NFT_JUMP, ...
    std::string chain;
    bool operator==(const Verdict&) const = default;
};

// Everything else that a rule does: the expression, and the bytes that its registers hold.
struct Act {
    Node expression;  // its registers' numbers have no meaning any more
    std::vector<std::pair<std::string_view, Word>> operands;  // by the register attribute's name
    bool operator==(const Act&) const = default;
};

struct NormalRule {
    std::vector<Source> sources;
    std::vector<std::variant<Test, Verdict, Act>> steps;
};

// A table's sets by name.  The table must outlive it.
class Sets {
public:
    explicit Sets(const Table& table);

    const Set* find(const std::string& name) const;  // null: there is none
    const std::string& family() const { return family_; }

    // Whether rules change its elements while packets pass: it is declared so, or one does.  What
    // it holds is state.
    bool dynamic(const Set& set) const;

private:
    std::string family_;
    std::unordered_map<std::string, const Set*> by_name_;
    std::set<std::string> filled_;
};

bool is_anonymous(const Set& set);

}  // namespace rehome::lbsync::kernel
