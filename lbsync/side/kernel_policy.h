// What a host's kernel runs as one policy: nf_tables by netlink, and iptables by its dump
// (lbsync/kernel/xt_tables.h).  What this program does not know in the kernel's is a doubt.
#pragma once

#include <string>

#include "lbsync/nft/read.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::side {

// where: the host.
policy::Policy kernel_policy(const Reading& reading, const std::string& where);

}  // namespace rehome::lbsync::side
