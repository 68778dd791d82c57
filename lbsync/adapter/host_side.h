// A host as a side: what its kernel runs by nft, iptables of both backends, ipset and IPVS, as far
// as it has them.
#pragma once

#include <string>

#include "common/error.h"
#include "lbsync/side/compare.h"

namespace rehome::lbsync {

// Errors: the host cannot be reached, or a program there fails or prints what cannot be read.
Checked<side::Side> read_host_side(const std::string& host);

}  // namespace rehome::lbsync
