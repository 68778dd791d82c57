// Attributes as they stand in the kernel's netlink messages, as nodes.
//
// Every attribute is looked at.  One that attributes.h does not know, that is cut short, or whose
// content has no known form, is told in `unknown`: a library that skipped it would take a rule for
// another.  Pure; whatever the bytes, nothing outside of them is read.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lbsync/kernel/node.h"

namespace rehome::lbsync::kernel {

struct Decoded {
    Node node;
    std::vector<std::string> unknown;  // "payload: attribute 9", "expression inner"
};

// group: of attributes.h.
Decoded decode(std::string_view group, std::span<const std::byte> attributes);

}  // namespace rehome::lbsync::kernel
