// The set of packets in which some bits, read as a number, lie in given spans.
#pragma once

#include <optional>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/packet_set.h"

namespace rehome::lbsync::proof {

// When a value's bits are set, the highest first; none: never (its mask hides it).
using Bits = std::vector<std::optional<PacketSet>>;

// In order, merged where they meet or touch.
std::vector<policy::Span> merged(std::vector<policy::Span> spans);

// spans: merged.
PacketSet in_spans(const Bits& bits, const std::vector<policy::Span>& spans);

// The packets in which the columns' values are a row of the elements.
PacketSet in_rows(const std::vector<Bits>& columns, const policy::Elements& elements);

}  // namespace rehome::lbsync::proof
