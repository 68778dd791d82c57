// iptables' rules and ipset's sets of the old site as they must stand at the new one.
//
// Every address, prefix, range and interface in the words of rules and in elements goes through the
// mapping; sets that no rule names, and what is state in them, are left out.  What has no
// counterpart is an error (Exit::usage); words that are not understood, or that may hold what is a
// site's own without saying it (bytes at offsets, hardware addresses), and a set that is not there,
// are doubts.  Each with its line of the dump.
#pragma once

#include <string>
#include <vector>

#include "common/error.h"
#include "lbsync/iptables/syntax.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync {

struct TranslatedDump {
    iptables::Dump dump;
    std::vector<Doubt> doubts;
};

// where: the old host.
TranslatedDump translate(const iptables::Dump& dump, const Mapping& mapping,
                         const Interfaces& interfaces, const std::string& where,
                         std::vector<Error>& errors);

}  // namespace rehome::lbsync
