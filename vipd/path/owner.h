// Which worker a packet belongs to, where there are several: a worker owns clients, not queues.
//
// The owner is what RSS gives (rss.h) for the address and port of the packet's client: the source
// of what comes in by a line, the destination of what servers send, the same of what a tunnelled
// packet carries, and of what an ICMP error quotes.  A reply to a source NAT pool belongs to the
// worker of its port (source_nat.h).  What no flow is looked up for is whose that has it: packets
// for the kernel, echo requests, maps (but fragments: their desk's, where access rules find the
// ports of all of a datagram); what cannot be parsed is dropped where it is.  All workers hear a
// peer's keepalive; link probes are the first one's.
//
// Fragments have one desk a datagram, the worker to which addresses and identification hash: it
// learns the ports from the first fragment, keeps what came before it, and passes all of them on to
// their owner, the first fragment first.  So the owner's datapath never has to wait for it.
//
//     fresh packet -> next() -> owner: the datapath of that worker
//                            -> desk: that worker's next()
//                            -> all: every worker's datapath
//                            -> held, drop: it ends here
//
// One worker's own, no locks; there is none where there is only one worker.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/flow/fragments.h"
#include "vipd/packet/packet.h"
#include "vipd/path/classify.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Ownership {
public:
    struct Next {
        enum class To : uint8_t { owner, desk, all, held, drop };
        To to = To::owner;
        uint32_t worker = 0;       // owner, desk
        Drop drop = Drop::count_;  // drop
        bool releases = false;     // owner: release() has to follow once it is passed on
    };
    // Takes a frame that was held; the bytes are the caller's until the next one.
    using Deliver = std::function<void(std::span<uint8_t> frame, PortIndex port, uint32_t owner)>;

    // worker: this one's number.  workers: at most rss_queues_max.
    Ownership(uint32_t worker, uint32_t workers, size_t ports, const Fragments::Limits& fragments,
              uint64_t hash_key);

    void set_tables(std::shared_ptr<const Tables> tables);

    // Where a packet goes that came in by a port, or that is passed to this desk.
    Next next(const Frame& frame, PortIndex port, Micros now);
    // Gives what waited for the first fragment for which next() said that it releases.
    void release(Micros now, const Deliver& deliver);
    // Forgets fragments that are too old; `lost` is told of those that were held.
    void expire(Micros now);

    // Fragments that were held and thrown away, by why, since the last call.
    using Lost = std::function<void(std::span<const uint8_t> frame, PortIndex port, Drop why)>;
    void on_lost(Lost lost) { lost_ = std::move(lost); }

    // Says whether a peer's fragment may be learned from or held; what may not is left to this
    // worker's datapath, which drops it by name.
    using Believes = std::function<bool(const Classified& what)>;
    void set_believes(Believes believes) { believes_ = std::move(believes); }

    // The owner of a client's address and port.
    uint32_t owner(const Endpoint& client) const;

private:
    enum class From : uint8_t { client, server };
    // What next() must know of a port's untagged traffic.
    struct PlainPort {
        bool plain = false;
        From from = From::client;
    };

    Next here() const { return {Next::To::owner, worker_, Drop::count_, false}; }
    std::optional<uint32_t> plain_owner(const Frame& frame, PlainPort port) const;
    Next slow(const Frame& frame, PortIndex port, Micros now);
    Next settle(const Frame& frame, Packet& packet, From from, PortIndex port, Micros now);
    Next of_tunnel_error(const Frame& frame, const Packet& packet) const;
    Fragments::Lost told() const;
    bool mapped(const Packet& packet, From from) const;
    uint32_t owner(const Frame& frame, const Packet& packet, From from) const;
    uint32_t owner(const Endpoint& client, From from) const;
    uint32_t desk(const Packet& packet) const;

    uint32_t worker_, workers_;
    std::array<uint8_t, 128> indirection_{};
    std::shared_ptr<const Tables> tables_;
    bool maps_ = false, pools_ = false;  // there are some
    std::vector<PlainPort> plain_;
    Fragments fragments_;
    FragmentKey first_;  // of what releases
    Lost lost_ = [](std::span<const uint8_t>, PortIndex, Drop) {};
    Believes believes_ = [](const Classified&) { return true; };
};

}  // namespace rehome::vipd
