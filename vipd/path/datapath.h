// The path of a packet: classify -> client | server | tunnel -> its flow -> out.
//
// One Datapath is one worker's: no locks, no I/O, no clock.  handle() decides a packet (or a burst
// of them), changes it in place and says which way out it takes; tick() does what time brings.
// Packets of its own go to the Sink.
//
//   classify.h   what a frame is
//   client.h     a client's packet, by a line or from a peer; judge.h, decide.h: the rules
//   server.h     what servers send
//   tunnel.h     what peers send
//   from_kernel.h  what the kernel sends by a twin
//   map.h, icmp.h, join.h   maps, ICMP, fragments: parts of these
//   out.h, refuse.h         the ways out
//   fast.h       what is plain in a burst, without going through the stages
//   flow_copy.h  copies of flows, for peers and from them
//   tick.h       keepalives, copies, resets, forgetting
//   explain.h    the same stages for one packet, noted decision by decision, nothing changed
//
// Each stage is handed what it may read and what it may change (context.h).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vipd/path/context.h"
#include "vipd/path/explain.h"
#include "vipd/path/fast.h"
#include "vipd/path/from_kernel.h"
#include "vipd/path/tick.h"

namespace rehome::vipd {

class Datapath {
public:
    using Settings = Hands::Settings;

    Datapath(std::shared_ptr<const Snapshot> snapshot, const Settings& settings);
    Datapath(const Datapath&) = delete;
    Datapath& operator=(const Datapath&) = delete;

    void set_sink(Sink sink) { hands_.sink = std::move(sink); }

    // At most burst_max packets that came in by one port; their verdicts, in order.
    void handle(std::span<Job> burst, PortIndex port, Micros now);
    Verdict handle(Frame& frame, PortIndex port, Micros now);

    // Whether what the kernel sends by the port may leave; else it is counted as dropped.
    bool may_leave(std::span<const uint8_t> frame, PortIndex port, Micros now) {
        return !from_kernel(view(now), hands_, frame, port);
    }

    // What handle() would do with the packet now; changes nothing but the frame.
    Explained explain(Frame& frame, PortIndex port, Micros now, Trace& trace);
    // The same of a packet and of the one that answers it (explain.h).
    ExplainedBoth explain_both(Rehearsed& first, Micros now, Trace& trace,
                               const std::function<Rehearsed*(const Explained&)>& answer,
                               Trace& answer_trace) {
        return vipd::explain_both(view(now), hands_, first, trace, answer, answer_trace);
    }

    void tick(Micros now, const Ticker::Log& log) { ticker_.tick(view(now), hands_, log); }
    Micros next_tick(Micros now) const { return ticker_.next(now, hands_); }

    // Whether the first fragment of a later one's datagram has come.
    bool knows_first_of(const Packet& later) const {
        return hands_.fragments.peek(later) != nullptr;
    }

    // Counts a drop that the caller made (no neighbour, port full), of a packet that is not counted
    // yet.
    void count_drop(Drop drop, const Bill& bill = {});
    // What was to go up to the kernel is not taken there: a drop instead.
    void count_not_punted();
    // A packet that has waited leaves now.
    void count_sent(const Bill& bill);

    // Acts on another snapshot from now on, between two bursts.
    void take(std::shared_ptr<const Snapshot> snapshot, Micros now);
    void replace_routes(std::shared_ptr<const Fib> routes) {
        hands_.routing.take(std::move(routes));
    }
    void replace_neighbours(std::shared_ptr<const Neighbours> neighbours) {
        hands_.routing.take(std::move(neighbours));
    }

    // Notes each decision from now on; null: no more.
    void trace(Trace* trace) { hands_.trace = trace; }

    const Snapshot& snapshot() const { return *snapshot_; }
    const Tables& tables() const { return *snapshot_->tables; }
    const Counters& counters() const { return hands_.counters; }
    Adjacencies& adjacencies() { return hands_.routing.adjacencies(); }
    const Hop& hop(const Verdict& verdict) const { return hands_.routing[verdict.adjacency].hop; }
    FlowTable& flows() { return hands_.flows; }
    const SourceNat& source_nat() const { return hands_.source_nat; }
    Endings& endings() { return ticker_.endings(); }
    const Severing& severing() const { return ticker_.severing(); }
    const IdleReset& idle_reset() const { return ticker_.idle_reset(); }
    const Copier& copier() const { return ticker_.copier(); }
    // How many flows end at all workers of this gateway, which keepalives tell.
    void set_flows_served(std::function<uint32_t()> all) { ticker_.set_served(std::move(all)); }

private:
    View view(Micros now) const { return {*snapshot_, *snapshot_->tables, now}; }

    std::shared_ptr<const Snapshot> snapshot_;
    Hands hands_;
    FastPath fast_;
    Ticker ticker_;
};

}  // namespace rehome::vipd
