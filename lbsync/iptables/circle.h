// Chains that jump in a circle.  The kernel refuses them, so that a dump with one is damaged.
#pragma once

#include <string>
#include <vector>

#include "lbsync/iptables/syntax.h"

namespace rehome::lbsync::iptables {

struct Circle {
    unsigned line = 0;  // of a jump in it
    std::string what;   // "jumps in a circle: a, b, a"
};

std::vector<Circle> circles(const Table& table);

}  // namespace rehome::lbsync::iptables
