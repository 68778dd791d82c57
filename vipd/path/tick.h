// What time brings, beside packets: keepalives, link probes, copies of flows, paced resets,
// forgetting old flows and fragments.
//
// One worker's own.
#pragma once

#include <functional>

#include "vipd/flow/copier.h"
#include "vipd/flow/endings.h"
#include "vipd/flow/idle_reset.h"
#include "vipd/flow/severing.h"
#include "vipd/path/context.h"
#include "vipd/path/tell_flows.h"
#include "vipd/path/tell_services.h"

namespace rehome::vipd {

class Ticker {
public:
    // worker: this one's number, of so many.  served: how many flows end at all of them, which
    // keepalives tell.  salt: drawn at random.
    Ticker(uint32_t worker, uint32_t workers, uint64_t salt, std::function<uint32_t()> served);

    void set_served(std::function<uint32_t()> served) { served_ = std::move(served); }

    // The worker acts on the view's snapshot now, no more on the one before.
    void take(const Snapshot& before, const View& view, Hands& hands);

    // log: of each flow that is reset, or forgotten, so that its client logs in again.
    using Log = std::function<void(const Flow&)>;
    void tick(const View& view, Hands& hands, const Log& log);
    Micros next(Micros now, const Hands& hands) const;  // when tick has something to do again

    Endings& endings() { return endings_; }
    const Severing& severing() const { return severing_; }
    const IdleReset& idle_reset() const { return idle_reset_; }
    const Copier& copier() const { return copier_; }

private:
    void follow_disabled(const Disabled& before, const View& view, Hands& hands);
    void send_keepalives(const View& view, Hands& hands, uint32_t served);
    void probe_links(const View& view, Hands& hands);

    uint32_t worker_;
    std::function<uint32_t()> served_;
    Endings endings_;
    Severing severing_;
    IdleReset idle_reset_;
    Copier copier_;
    FlowsTeller flows_teller_;
    ServicesTeller services_teller_;
    bool begun_ = false;   // the orders of the first snapshot are followed
    uint32_t rounds_ = 0;  // of keepalives sent
    uint32_t told_ = 0;    // flows, by the last of them
    Micros next_keepalive_ = 0;
    Micros next_expiry_ = 0;
    Micros next_probe_ = 0;
};

}  // namespace rehome::vipd
