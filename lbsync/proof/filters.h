// Which packets pass a test.  Each is built once, for both policies: columns of a test and the
// elements that they are held against are known again by what they are.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/values.h"

namespace rehome::lbsync::proof {

// What a term holds at some point of the way.
struct Column {
    unsigned number = 0;  // equal for equal values, and never used twice
    bool is_name = false;
    PacketSet holds;
    Bits bits;
};
using ColumnPtr = std::shared_ptr<const Column>;

class Filters {
public:
    explicit Filters(const Space& space) : space_(space) {}

    // unknown: the bits of a field that is opaque or drawn.
    ColumnPtr column(const Values& values, const State& state, const policy::Term& term,
                     const std::vector<Bit>& unknown = {});

    // The packets that hold all columns, and whose values are a row of these, or (negated) are not.
    PacketSet passing(const std::vector<ColumnPtr>& columns, const policy::ElementsPtr& in,
                      bool negated = false);

private:
    struct Less {
        bool operator()(const policy::Elements* a, const policy::Elements* b) const;
        bool operator()(const policy::Term& a, const policy::Term& b) const;
    };
    using Content = std::vector<int>;  // the diagrams' ids; -1 for a bit that a mask hides
    using Asked = std::tuple<unsigned, uint64_t, Frame, policy::Layer>;  // term, revision
    using Question = std::tuple<std::vector<unsigned>, unsigned, bool>;

    ColumnPtr known(Column column);
    unsigned number_of(const policy::ElementsPtr& elements);
    PacketSet built(const std::vector<ColumnPtr>& columns, const policy::Elements& in) const;

    const Space& space_;
    unsigned next_column_ = 0;
    std::map<Content, ColumnPtr> columns_;
    std::map<policy::Term, unsigned, Less> terms_;
    std::map<Asked, ColumnPtr> asked_;
    std::map<const policy::Elements*, unsigned> by_place_;
    std::map<const policy::Elements*, unsigned, Less> by_content_;
    std::map<Question, PacketSet> passing_;
};

}  // namespace rehome::lbsync::proof
