// Where every packet's path begins: its class names the stage that takes it.
//
//   comes in   a frame, by a port
//   decided    nothing: classify() says what it is
//   ways out   what the stages say; punt: what is the kernel's.  Drops: what classify() says is bad
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

Verdict arrive(const View& view, Hands& hands, Frame& frame, PortIndex port);

}  // namespace rehome::vipd
