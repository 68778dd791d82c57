// What headers hold behind the hook where the kernel translates addresses.
//
// The first packet of a connection holds what its rule wrote: a single address or port is known,
// one that the kernel chooses (a range, the interface's own) is an unknown by the rule's words.
// What later packets and replies hold follows from the first ones: since two policies are only
// equal when those are translated alike, later packets hold the same unknowns in both.
#pragma once

#include "lbsync/proof/values.h"

namespace rehome::lbsync::proof {

void translate_headers(Space& space, const Values& values, Frame frame, bool destination,
                       State& state);

}  // namespace rehome::lbsync::proof
