// The kernel's filters (classic BPF) for answers: what passes may be one of ours, the flow decides.
//
//   of a socket    behind the IP header: the reply's type and id, or the ports
//   of a capture   the whole packet: also the protocol, and the target as its source
#pragma once

#include "probe/core/plan.h"

namespace rehome::probe {

// ports: ours, ascending; not for icmp.
bool filter_answers(int fd, const Path& path, const std::vector<uint16_t>& ports);
bool filter_captured(int fd, const Path& path, const std::vector<uint16_t>& ports);

}  // namespace rehome::probe
