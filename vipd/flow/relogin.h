// Paced re-login: established TCP flows that are served here are reset, N per second, so that their
// clients connect again at once and are placed anew (`weak`).
//
// A reset counts only with exactly the number that its receiver expects next (RFC 5961 3.2).  The
// datapath has followed both ends, so the first try is usually right; where a segment was lost on
// the way the receiver answers with a challenge ACK that shows its number, and the datapath answers
// that with a reset that fits.  The reset itself may be lost too: it is repeated after 0.25 s and 1
// s.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "vipd/flow/flow_table.h"
#include "vipd/flow/tcp.h"

namespace rehome::vipd {

class Relogin {
public:
    struct Order {
        double rate_per_s = 0;
        std::optional<uint32_t> service;  // its number; nothing: all services
    };
    // Sends one end of the flow its reset, with the numbers that the flow holds.
    using Send = std::function<void(const Flow&, Side to)>;
    using Log = std::function<void(const Flow&)>;  // once for each flow that is reset

    // Flows that exist now are to be reset; one order at a time, a new one takes the old one's
    // place.
    void start(const Order& order, FlowTable& flows, Micros now);
    void stop() { order_.reset(); }

    bool running() const { return order_.has_value(); }
    uint64_t flows_reset() const { return flows_reset_; }  // since the last start
    uint32_t remaining(const FlowTable& flows) const;

    // Resets as many flows as are due; ends by itself when none is left.
    void tick(FlowTable& flows, Micros now, const Send& send, const Log& log);

private:
    struct Repeat {
        Micros due;
        FlowKey key;
    };

    bool applies(const Flow& flow) const;
    Flow* next(FlowTable& flows, uint32_t& looks);
    void repeat(FlowTable& flows, Micros now, const Send& send);

    std::optional<Order> order_;
    uint16_t generation_ = 0;  // flows that were born in it came later
    Micros last_tick_ = 0;
    double credit_ = 0;
    uint64_t place_ = 0;
    uint64_t flows_reset_ = 0;
    std::deque<Repeat> repeats_;
    std::deque<Repeat> last_repeats_;
};

}  // namespace rehome::vipd
