// The ways that packets take through the hooks, and the base chains that each meets there.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/space.h"

namespace rehome::lbsync::proof {

std::string_view name(policy::Stage stage);

// A tree: what is behind a hook depends on where the packet is routed.
struct Way {
    policy::Stage stage;
    std::vector<Way> then;  // none: the packet is through
    std::string_view name;  // of a way that ends here: "forwarded"
};

// Of a host's own stack, or of its bridges.
std::vector<Way> ways(bool bridged, Frame frame);

// Base chains that see this kind of packet there, as indices of policy.chains, in the order in
// which they run, as far as it is known.
std::vector<size_t> chains_at(const policy::Policy& policy, policy::Stage stage, bool bridged,
                              Frame frame);

// Where the kernel's own hooks stand between them (include/uapi/linux/netfilter_ipv4.h).
constexpr int conntrack_priority = -200;
constexpr int destination_nat_priority = -100;
constexpr int source_nat_priority = 100;

bool is_tracked_at(policy::Stage stage);  // conntrack looks at packets there first
bool translates_destination(policy::Stage stage);
bool translates_source(policy::Stage stage);

}  // namespace rehome::lbsync::proof
