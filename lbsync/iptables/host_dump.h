// All that a host's iptables and ipset printed, as one dump.
//
// Pure.  What could not be read, what is not understood (with the program and line), and a table of
// the legacy backend that no program there prints, are doubts.
#pragma once

#include <string>
#include <vector>

#include "lbsync/iptables/syntax.h"
#include "lbsync/iptables/told.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::iptables {

struct HostDump {
    Dump dump;
    std::vector<Doubt> doubts;
};

// where: the host.
HostDump host_dump(const Told& told, const std::string& where);

}  // namespace rehome::lbsync::iptables
