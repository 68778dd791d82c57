// Maglev tables (Eisenbud et al., NSDI 2016, section 3.4) with weights and minimal disruption.
//
// The base table is a function of the configured servers alone, in whatever order they stand.  A
// server that is not live keeps its place in it: only the slots that it owns are given to others,
// each to the live server that wins a weighted rendezvous for that slot.  So the table in force
// depends on the configuration and the live set alone, whatever happened before: every gateway
// agrees, and nothing else moves.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rehome {

struct MaglevServer {
    std::string name;  // what the permutation is made from: stable across sites and restarts
    uint32_t weight = 1;
    bool live = true;
};

using MaglevTable = std::vector<uint32_t>;  // slot -> index of the server

inline constexpr uint32_t no_slot = UINT32_MAX;

// A prime of at least 100 slots for each unit of weight of the lightest server, 65,537 at most.
uint32_t maglev_size(std::span<const MaglevServer> servers);

// Empty when no server is live or all weights are zero.
MaglevTable make_maglev(std::span<const MaglevServer> servers, uint32_t size);

}  // namespace rehome
