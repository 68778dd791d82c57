// Intervals of addresses as nft's expressions, and back.
#pragma once

#include <optional>

#include "lbsync/nft/model.h"
#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

// An interval as nft prints it: address, prefix or range.
Expr to_expr(const Interval& interval);

// The addresses that an address, prefix or range stands for; none for other expressions.
std::optional<Interval> to_interval(const Expr& expr);

}  // namespace rehome::lbsync
