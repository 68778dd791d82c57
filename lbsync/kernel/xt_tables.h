// A host's nf_tables and what iptables-nft-save shows of them, each rule from one of the two.
//
// iptables' nft backend keeps its tables in nf_tables.  One that its dump shows whole, with as many
// rules in each chain as the kernel has, is read from the dump, where matches have names; all
// others are read from the kernel.
#pragma once

#include <string_view>

#include "lbsync/iptables/syntax.h"
#include "lbsync/kernel/ruleset.h"

namespace rehome::lbsync::kernel {

// Takes away from the dump what it does not show whole.
void keep_whole(iptables::Dump& dump, const Ruleset& ruleset);

// Whether the dump, as keep_whole() has left it, shows this table.  family: as nft names it.
bool shows(const iptables::Dump& dump, std::string_view family, std::string_view table);

}  // namespace rehome::lbsync::kernel
