// Maglev tables (Eisenbud et al., NSDI 2016, section 3.4) with weights and minimal disruption.
//
// The base table is a function of the configured servers' names and weights alone, in whatever
// order they stand.  In it each server has its weight's share of the slots rounded up or down.
//
// A server that is not live keeps its place in the base table: only the slots that it owns are
// given to others.  Each slot has a sequence of substitutes of its own, drawn from the base table
// (that is, by weight) and ended by a weighted rendezvous among whoever is live; its slot goes to
// the first that is live.  Hence:
//   - the table in force depends on the configuration and the live set alone, whatever happened
//     before, so that every gateway agrees;
//   - against the base table, only the slots of servers that are not live differ;
//   - of two live sets that differ by one server, the tables differ in that server's slots only;
//   - substitutes are drawn, so that the shares of what is given away follow the weights within
//     what chance allows (a binomial's deviation), not within a slot.
// A change of the configuration itself (a server more or less, a weight) moves more than the share
// that has to move, as Maglev does: `make bench-tables` says how much.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rehome::vipd {

struct MaglevServer {
    std::string name;  // what the permutation is made from: stable across sites and restarts
    uint32_t weight = 1;
    bool live = true;
};

using MaglevTable = std::vector<uint16_t>;  // slot -> index of the server

inline constexpr uint16_t no_slot = UINT16_MAX;

// A prime of at least 100 slots for each unit of weight of the lightest server, 65,537 at most.
uint32_t maglev_size(std::span<const MaglevServer> servers);

// Fewer than no_slot servers, with different names; size is a prime.  Empty when no server is live
// or the weights of the live ones are zero.
MaglevTable make_maglev(std::span<const MaglevServer> servers, uint32_t size);

}  // namespace rehome::vipd
