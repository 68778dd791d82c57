// Base chains whose order decides, and whether it is known.
//
// Chains that hook one place at one priority, in one table or in several, run in an order that only
// the kernel's dump of its hooks tells (nfnetlink_hook), which many kernels have not.  It does not
// matter for chains that commute: that do nothing but accept and drop by what a packet is, as a
// packet is dropped if any of them drops it, or that do nothing at all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lbsync/kernel/ruleset.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::kernel {

// The chain's place among those of its hook, by the kernel's dump; none: it does not tell, or its
// place differs between devices.  family: of which of inet's two; empty: all that it has.
std::optional<uint32_t> rank(const Ruleset& ruleset, const Table& table, const Chain& chain,
                             std::string_view family = "");

// where: the host.  Other programs' tables count too.
std::vector<Doubt> unknown_order(const Ruleset& ruleset, const std::string& where);

// The order, as far as it is known and decides: "ip hook 0 priority -100: inet a one, ip b two".
std::vector<std::string> known_order(const Ruleset& ruleset);

// What becomes of chains that are carried to another host.
struct Carrying {
    std::string where;                                    // the target
    std::function<bool(const std::string& table)> stays;  // nothing of it is carried, there or here
    std::function<std::string(const std::string& device)> device;  // its name there
};

// Chains that would come to stand beside others that stay at the target, and do not commute with
// them: which of them would run first is in nobody's hand.  What is there already is doubted by
// unknown_order.
std::vector<Doubt> unknown_beside(const Ruleset& carried, const Ruleset& target,
                                  const Carrying& carrying);

}  // namespace rehome::lbsync::kernel
