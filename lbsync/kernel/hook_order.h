// Base chains whose order decides, and whether it is known.
//
// Chains that hook one place at one priority, in one table or in several, run in an order that only
// the kernel's dump of its hooks tells (nfnetlink_hook), which many kernels have not.  It does not
// matter for chains that commute: that do nothing but accept and drop by what a packet is, as a
// packet is dropped if any of them drops it, or that do nothing at all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lbsync/kernel/ruleset.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::kernel {

// The chain's place among those of its hook, by the kernel's dump; none: it does not tell.
std::optional<uint32_t> rank(const Ruleset& ruleset, const Table& table, const Chain& chain);

// where: the host.  Other programs' tables count too.
std::vector<Doubt> unknown_order(const Ruleset& ruleset, const std::string& where);

// The order, as far as it is known and decides: "ip hook 0 priority -100: inet a one, ip b two".
std::vector<std::string> known_order(const Ruleset& ruleset);

}  // namespace rehome::lbsync::kernel
