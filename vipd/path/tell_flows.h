// Tells peers which flows are known here, so that they ask for others last (state/known_flows.h).
//
// A round goes through the worker's flows in small pieces and then sends what came out of it, at a
// rate that a link does not feel; the next begins at once, or a second after the one before.
//
// One worker's own.
#pragma once

#include <optional>

#include "vipd/path/context.h"
#include "vipd/state/known_flows.h"

namespace rehome::vipd {

class FlowsTeller {
public:
    // worker: this one's number, of so many.  salt: drawn at random.
    FlowsTeller(uint32_t worker, uint32_t workers, uint64_t salt)
        : salt_(salt), worker_(worker), workers_(workers) {}

    // Called every 10 ms.
    void tick(const View& view, Hands& hands);

private:
    void begin(const Hands& hands, Micros now);
    void look(Hands& hands);
    void send(const View& view, Hands& hands);

    uint64_t salt_;
    uint32_t worker_, workers_;
    FlowsPage page_;              // that goes next
    std::optional<Bloom> bloom_;  // of this round
    bool looked_ = false;         // at all flows
    uint64_t place_ = 0;          // among them
    Micros next_round_ = 0;
};

}  // namespace rehome::vipd
