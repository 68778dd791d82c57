// The stage of what the kernel sends by a port's twin.
//
//   comes in   any frame
//   noted      the BGP and BFD sessions that it speaks in (punt.h)
//   decided    nothing from a VIP leaves by a line that may not carry it, whoever routed it there
//   ways out   as it is, by the port.  Drops: line_disabled
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

// Nothing: it leaves.
std::optional<Drop> from_kernel(const View& view, Hands& hands, std::span<const uint8_t> frame,
                                PortIndex port);

}  // namespace rehome::vipd
