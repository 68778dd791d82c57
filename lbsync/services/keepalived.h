// Reads the load balancing of a file of keepalived (keepalived.conf(5)): virtual servers, groups of
// them with their ranges, firewall marks, real servers with their checks, sorry servers.
//
// Strict: a statement in a service that is not known is a mistake with its file and line.  Blocks
// beside the services that decide nothing about them (VRRP, global definitions) are told, not read.
#pragma once

#include "lbsync/policy/services.h"
#include "lbsync/services/blocks.h"

namespace rehome::lbsync::services {

Checked<policy::Services> read_keepalived(const File& file, const Include& include);

}  // namespace rehome::lbsync::services
