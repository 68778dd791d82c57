// A host's nf_tables and what iptables-nft-save shows of them, each rule from one of the two.
//
// iptables' nft backend keeps its tables in nf_tables.  One that its dump shows whole, with as many
// rules in each chain as the kernel has, is read from the dump, where matches have names; all
// others are read from the kernel, and what this program does not know in them is a doubt.
#pragma once

#include <string>

#include "lbsync/iptables/syntax.h"
#include "lbsync/nft/read.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::side {

// Takes away from the dump what it does not show whole.  Nothing is known of the kernel: nothing.
void keep_whole(iptables::Dump& dump, const Reading& reading);

// All other tables.  shown: what keep_whole() has left.
policy::Policy kernel_policy(const Reading& reading, const std::string& where,
                             const iptables::Dump& shown);

}  // namespace rehome::lbsync::side
