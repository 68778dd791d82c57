// What can be proven of a pair of hosts: whether every packet meets the same at both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lbsync/mapping/mapping.h"
#include "lbsync/nft/read.h"
#include "lbsync/plan/pairs.h"
#include "lbsync/proof/prove.h"

namespace rehome::lbsync {

struct HostProof {
    enum class How : uint8_t {
        alike,    // both read alike, rule by rule; nothing else was asked
        proven,   // they read differently, and treat every packet alike
        differs,  // some packets meet different things
        unknown,
    };

    std::string host;
    How how = How::alike;
    proof::Proof proof{};  // unless they read alike
};

std::string_view name(HostProof::How how);  // "proven equal as sets of packets"

// What the kernels of the pair run, the old one's mapped, followed packet by packet.
HostProof prove(const Reading& from, const Reading& to, const HostPair& pair,
                const Mapping& mapping, const Interfaces& interfaces);

// Examples and what cannot be told, a line each; nothing of what reads alike.
std::vector<std::string> lines(const HostProof& proof);

nlohmann::ordered_json to_json(const HostProof& proof);

}  // namespace rehome::lbsync
