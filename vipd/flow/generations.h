// How many flows re-login still has to go through: the established TCP flows that are served here,
// and the UDP flows, by service, those of this generation apart from older ones.  A re-login begins
// a generation: what is older is what it is about.
//
// Part of a worker's flow table, which counts every change.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vipd/flow/flow.h"

namespace rehome::vipd {

class Generations {
public:
    struct Older {
        uint32_t tcp = 0, udp = 0;

        uint32_t all() const { return tcp + udp; }
        bool operator==(const Older&) const = default;
    };

    // Of flows that begin now.
    uint16_t current() const { return current_; }
    // Of flows that were there before it, and are seen only now.
    uint16_t earlier() const { return static_cast<uint16_t>(current_ - 1); }
    void begin();
    void count(const Flow& flow, int by);
    Older older(std::optional<uint32_t> service) const;  // nothing: of all services

private:
    struct Counted {
        Older old, fresh;
    };

    std::vector<Counted> services_;  // by number
    uint16_t current_ = 1;
};

}  // namespace rehome::vipd
