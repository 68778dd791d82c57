// Numbers that rules give to packets and connections (marks, conntrack zones, VLANs), from the old
// site to the new one.
//
// An entry speaks of the bits of its mask alone, and what else a number holds stays.  Bits that
// entries speak of are one unit: a rule that looks at a part of them, or writes a part, is refused.
// A number that no entry names stays as it is, unless it is what another becomes.  Refused are also
// a number with two counterparts and one of two with the same, where a rule names it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace rehome::lbsync {

struct NumberPair {
    uint64_t from = 0;
    uint64_t to = 0;
    uint64_t mask = 0;  // of all entries: the same bits, or none of them

    bool operator==(const NumberPair&) const = default;
};

class Numbers {
public:
    using Number = tl::expected<uint64_t, std::string>;

    explicit Numbers(std::string noun) : noun_(std::move(noun)) {}

    void add(const NumberPair& pair);

    const std::string& noun() const { return noun_; }  // "packet mark"
    const std::vector<NumberPair>& pairs() const { return pairs_; }

    // Whether any of these bits becomes another.
    bool changes(uint64_t mask) const;

    // What a number is tested for under a mask.
    Number tested(uint64_t value, uint64_t mask) const;

    // Nothing, or why the numbers first..last under the mask are not the same ones at the new site.
    tl::expected<void, std::string> stays(uint64_t first, uint64_t last, uint64_t mask) const;

    // A number that a rule writes as (number & kept) ^ flip: what flip becomes.
    Number written(uint64_t kept, uint64_t flip) const;

private:
    // What the bits of one unit become.
    Number image(uint64_t bits, uint64_t unit) const;
    std::vector<uint64_t> units() const;  // the masks under which something changes, each once

    std::string noun_;
    std::vector<NumberPair> pairs_;
};

}  // namespace rehome::lbsync
