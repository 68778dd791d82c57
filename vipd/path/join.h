// Fragments and their ports: a later one has none, and needs to be told those of its first one.
//
//   comes in   any packet of a client, a server or a peer
//   decided    whether its ports are known: then they stand in packet, and it goes on
//   ways out   kept until its first fragment comes.  Drops: bad_fragment, fragments_full
//
// What is kept is given back by release(), after the first fragment itself has been handled.
#pragma once

#include <functional>
#include <optional>

#include "vipd/path/context.h"

namespace rehome::vipd {

// Nothing: it goes on.
std::optional<Verdict> join(const View& view, Hands& hands, const Frame& frame, Packet& packet,
                            PortIndex port);

// first: the key of a first fragment, as it came.  handle: takes each frame that waited for it.
using Handle = std::function<Verdict(Frame& frame, PortIndex port)>;
void release(Hands& hands, const FragmentKey& first, const Handle& handle);

}  // namespace rehome::vipd
