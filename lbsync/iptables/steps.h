// The commands that take a host's iptables and ipset from one state to another, in their order.
//
// First sets come, then tables change, one transaction each (iptables-restore), then sets go.  A
// set that changes is built beside the old one and swapped with it at once; one that ages or that
// rules fill keeps what it has learned, and gets and loses single elements.  Sets that no rule
// names, and tables that stay, are not touched.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbsync/iptables/syntax.h"

namespace rehome::lbsync::iptables {

struct Step {
    std::vector<std::string> command;
    std::string input;
    bool fresh = false;  // the table is not there yet
    // nf_tables lets go of what deleted rules have used a moment later: until then it fails.
    bool to_be_repeated = false;
    bool operator==(const Step&) const = default;
};

// Refused, in words: a set that would have to become one of another type.
tl::expected<std::vector<Step>, std::string> steps(const Dump& current, const Dump& wanted);

// The same tables, only tried (iptables-restore --test); nothing is changed.  Tables whose rules
// name a set that is still to come cannot be, nor those of the legacy backend that are not there,
// which the trial would make.
std::vector<Step> trials(const std::vector<Step>& steps);

}  // namespace rehome::lbsync::iptables
