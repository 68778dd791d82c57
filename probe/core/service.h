// What TCP can say: whether the path is whole, and how the service at its end is.
//
//   up          answers SYNs with SYN-ACKs
//   resets      answers with resets: the path is whole, nothing listens or it refuses
//   up_resets   does both
//   half_open   answers only for connections that it took to be half open: the path is whole
//   dead        answers nothing, while another kind of probe to its address is answered
//   unknown     nothing came back by any kind: the path or the service
// Pure.
#pragma once

#include "probe/core/measurement.h"

namespace rehome::probe {

std::string_view name(Service service);

// Of the tcp paths among them; icmp and udp to the same address tell whether the path is whole.
void judge_services(std::vector<Figures>& kinds);

}  // namespace rehome::probe
