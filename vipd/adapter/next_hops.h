// The link layer of what a worker sends: each next hop's MAC address, and the few packets that wait
// for it.
//
// A rewritten packet is never handed to the kernel; while the kernel resolves its next hop, up to
// 16 packets a hop are held for at most 1 s.  What is used is asked for again from time to time, so
// that the kernel keeps it resolved.  One worker's own; no locks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "vipd/core/fib.h"
#include "vipd/core/flow.h"

struct rte_mbuf;

namespace rehome {

class NextHops {
public:
    using Send = std::function<void(const Hop&, const Mac&, rte_mbuf*)>;
    using Discard = std::function<void(rte_mbuf*)>;  // no neighbour: frees it and counts

    NextHops(Send send, Discard discard) : send_(std::move(send)), discard_(std::move(discard)) {}
    ~NextHops();  // frees what is still held
    NextHops(const NextHops&) = delete;
    NextHops& operator=(const NextHops&) = delete;

    // Sends the packet now, or holds it until its next hop is known.
    void send(const Hop& hop, rte_mbuf* packet, Micros now);

    // Sends what waited for it.
    void update(std::shared_ptr<const Neighbours> neighbours);
    void expire(Micros now);  // discards what waited too long

    // The hops that the kernel should resolve or keep; empties the list.
    std::vector<Hop> take_wanted();

private:
    struct Entry {
        Neighbour neighbour;
        Micros requested = 0;
        Micros held_since = 0;
        std::vector<rte_mbuf*> held;
    };

    Entry& entry(const Hop& hop);
    void hold(Entry& entry, rte_mbuf* packet, Micros now);

    Send send_;
    Discard discard_;
    std::shared_ptr<const Neighbours> neighbours_ = std::make_shared<const Neighbours>();
    std::map<Hop, Entry> hops_;
    std::vector<Hop> wanted_;
};

}  // namespace rehome
