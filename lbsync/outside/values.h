// Words of ip(8) and tc(8) about one thing, as one value that the other site's can be held against.
//
// Every address and interface in them goes through the images; what is a session's own (numbers of
// programs and actions, counters, who made a route) is left out.  Bytes at offsets of a packet
// (u32, pedit) may hold an address that nobody sees, and BPF programs have maps: what holds them
// says so.
#pragma once

#include <string>

#include "lbsync/mapping/images.h"
#include "lbsync/outside/facts.h"

namespace rehome::lbsync::outside {

struct Value {
    std::string text;
    bool raw = false;      // alike it is only where both sites have the same addresses
    bool program = false;  // alike it is never provable
};

// Errors: what has no counterpart, in words.
Images::Image<Value> value_of(const Words& words, const Images& images);

}  // namespace rehome::lbsync::outside
