// What a set or map of the kernel holds, as rows of values of the fields that are looked up.
//
// An interval is told by its start and by the element behind its end; a concatenation of intervals
// by two keys.
#pragma once

#include <optional>
#include <vector>

#include "lbsync/kernel/fields.h"

namespace rehome::lbsync::kernel {

struct Row {
    std::vector<policy::Span> spans;  // one a piece
    const Node* element = nullptr;    // with what a map gives for it
};

// The element for all that no other holds comes last.
Understood<std::vector<Row>> rows(const Set& set, const Word& key, const std::vector<Piece>& pieces,
                                  const Context& context);

}  // namespace rehome::lbsync::kernel
