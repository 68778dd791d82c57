// What the rules of a dump mean, in the policy's typed fields.
//
// A match that says nothing of a set of packets is a field of its own, named by its words: drawn
// when it counts or draws lots (limit, statistic, recent, ...), opaque otherwise (string, u32,
// time,
// ...).  A set that ages or that rules fill is opaque too, by its name and what is in it for good.
// What is not understood, a set that is not in the dump, and what changes a packet in a way that
// later rules could see and that cannot be said, is a Doubt.
//
// Not policy: counters, comments, tables and chains that nothing reaches, sets that no rule names,
// a set's sizes and hashes, and elements that age.
#pragma once

#include <string>

#include "lbsync/iptables/syntax.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::iptables {

// where: the file or host, for the chains' places and the doubts.
policy::Policy meaning(const Dump& dump, const std::string& where);

}  // namespace rehome::lbsync::iptables
