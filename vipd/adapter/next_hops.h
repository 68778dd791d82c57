// Packets that wait for the kernel to resolve their next hop, and which next hops it should know.
//
// A rewritten packet is never handed to the kernel; while the kernel resolves its next hop, up to
// 16 packets a hop are held for at most 1 s, and so are those that cannot be judged before it is
// resolved.  A hop for which packets have waited in vain three times has failed.  What is used is
// asked for again from time to time, so that the kernel keeps it resolved.
//
// One worker's own; no locks.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "vipd/packet/micros.h"
#include "vipd/path/verdict.h"
#include "vipd/route/adjacency.h"

struct rte_mbuf;

namespace rehome::vipd {

class NextHops {
public:
    // It is usable now.
    using Send = std::function<void(uint32_t adjacency, rte_mbuf*, const Bill& bill)>;
    using Judge = std::function<void(PortIndex port, rte_mbuf*)>;  // it came in there
    // No neighbour: frees it and counts.
    using Discard = std::function<void(uint32_t adjacency, rte_mbuf*, const Bill& bill)>;

    NextHops(Adjacencies& adjacencies, Send send, Judge judge, Discard discard)
        : adjacencies_(adjacencies),
          send_(std::move(send)),
          judge_(std::move(judge)),
          discard_(std::move(discard)) {}
    ~NextHops();  // frees what is still held
    NextHops(const NextHops&) = delete;
    NextHops& operator=(const NextHops&) = delete;

    // A packet that is kept.
    struct Waiting {
        rte_mbuf* packet;
        Bill bill{};                          // as it is counted when it leaves
        std::optional<PortIndex> unjudged{};  // it came in there, and is judged again
    };
    // Until its adjacency is usable.
    void hold(uint32_t adjacency, const Waiting& waiting, Micros now);

    // Sends, or judges, what waited for adjacencies that are usable now.
    void release();
    // Discards what waited too long, and asks for what was used; called every 100 ms.
    void tick(Micros now);

    // The hops that the kernel should resolve or keep; empties the list.
    std::vector<Hop> take_wanted();

private:
    struct Held {
        Micros requested = 0;
        Micros since = 0;
        unsigned in_vain = 0;  // how often packets have waited too long
        std::vector<Waiting> packets;
    };

    Adjacencies& adjacencies_;
    Send send_;
    Judge judge_;
    Discard discard_;
    std::map<uint32_t, Held> held_;  // by adjacency
    std::vector<Hop> wanted_;
    Micros next_keep_ = 0;
};

}  // namespace rehome::vipd
