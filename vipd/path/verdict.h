// What becomes of a packet: every stage ends in one of these.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vipd/packet/drop.h"
#include "vipd/packet/packet.h"
#include "vipd/route/fib.h"

namespace rehome::vipd {

// Whom a packet is counted for, once it leaves: not before, as what waits for a next hop may be
// dropped yet.
struct Bill {
    enum class To : uint8_t { nobody, server, client, peer };
    static constexpr uint32_t no_service = UINT32_MAX;

    To to = To::nobody;
    uint16_t line = 0;  // of a client
    uint32_t service = no_service;
};

struct Verdict {
    enum class Kind : uint8_t {
        forward,   // leaves by the adjacency, whose header stands before it if it is usable
        punt,      // to the twin of the port it came in by, unchanged
        check,     // to the health checks through tunnels, which it answers, unchanged
        consumed,  // was for vipd itself, or went to the Sink in pieces
        kept,      // a fragment, until its first one comes: then it arrives again
        wait,      // unchanged: it arrives again once the adjacency is usable
        drop,
    };
    static constexpr PortIndex no_port = UINT16_MAX;

    Kind kind = Kind::punt;
    Drop drop = Drop::count_;
    PortIndex port = no_port;  // of a usable adjacency
    uint32_t adjacency = 0;    // forward, wait
    Bill bill{};               // forward, by an adjacency that is not usable yet
};

// One packet of a burst.
struct Job {
    Frame frame;
    Verdict verdict;
};

inline constexpr size_t burst_max = 64;

}  // namespace rehome::vipd
