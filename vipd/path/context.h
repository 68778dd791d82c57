// What a stage of the packet's path is handed: a View of what it may read, and the Hands with what
// it may change.  Whatever a stage does, it does by one of these, and ends in a Verdict.
//
// The View is as of one moment: the snapshot that the worker acts on, and the time.  The Hands are
// one worker's own: its flows and everything else that a packet can leave a trace in.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vipd/access/memo.h"
#include "vipd/flow/flow_table.h"
#include "vipd/flow/fragments.h"
#include "vipd/flow/path_mtus.h"
#include "vipd/flow/source_nat.h"
#include "vipd/packet/icmp.h"
#include "vipd/packet/micros.h"
#include "vipd/path/answer_budget.h"
#include "vipd/path/punt.h"
#include "vipd/path/question_budget.h"
#include "vipd/path/routing.h"
#include "vipd/path/tag_counts.h"
#include "vipd/path/trace.h"
#include "vipd/path/verdict.h"
#include "vipd/state/keepalive.h"
#include "vipd/state/link_size.h"
#include "vipd/state/snapshot.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

// What takes the packets that are not the one being handled.
struct Sink {
    // An IP packet that leaves by the adjacency.
    std::function<void(std::span<const uint8_t> ip_packet, uint32_t adjacency)> emit =
        [](std::span<const uint8_t>, uint32_t) {};
    // A frame for the twin of that port.
    std::function<void(std::span<const uint8_t> frame, PortIndex port)> punt =
        [](std::span<const uint8_t>, PortIndex) {};
    // A packet that was kept and is dropped now, which is counted.
    std::function<void(std::span<const uint8_t> frame, PortIndex port, Drop why)> lost =
        [](std::span<const uint8_t>, PortIndex, Drop) {};
    // What a peer says; it is acted on with the next snapshot.
    std::function<void(size_t peer, const Keepalive& keepalive, Micros now)> heard =
        [](size_t, const Keepalive&, Micros) {};
    // A handshake about key epochs, which the peer has signed; likewise.
    std::function<void(size_t peer, const Handshake& handshake, Micros now)> handshake =
        [](size_t, const Handshake&, Micros) {};
    // The longest packet that gets to a peer; likewise.
    std::function<void(size_t peer, uint16_t mtu, Micros asked)> link_size = [](size_t, uint16_t,
                                                                                Micros) {};
    std::function<void(size_t peer, uint16_t mtu, Micros now)> told_mtu = [](size_t, uint16_t,
                                                                             Micros) {};
    // Services that a peer can serve; likewise.
    std::function<void(size_t peer, const ServicesPage& page)> services =
        [](size_t, const ServicesPage&) {};
    // Flows that a peer knows; likewise.
    std::function<void(size_t peer, const FlowsPage& page)> known_flows = [](size_t,
                                                                             const FlowsPage&) {};
};

struct View {
    const Snapshot& snapshot;
    const Tables& tables;  // the snapshot's
    Micros now = 0;
};

struct Hands {
    struct Settings {
        FlowTable::Size flows;
        uint64_t hash_key = 0;  // drawn at random by the caller
        uint64_t salt = 0;      // likewise; peers see what is made of it
        std::vector<PortLink> ports;
        Fragments::Limits fragments;
        uint32_t worker = 0, workers = 1;  // this one's number, and how many there are
        std::shared_ptr<Punt> punt;        // all workers'; null: one of its own
    };

    explicit Hands(const Settings& settings);
    Hands(const Hands&) = delete;
    Hands& operator=(const Hands&) = delete;

    // Acts on the snapshot, which the caller keeps until the next one.
    void act_on(const Snapshot& snapshot);
    // Other access rules, or none, from now on: flows that live are looked at again.
    void act_on_access(const Access* before, const Access* now);
    // Takes over what is held here of its tables.
    void take(const Snapshot& snapshot);

    void count(Drop drop) { ++counters.drops[static_cast<size_t>(drop)]; }
    // Of fragments that were kept.
    Fragments::Lost lost() {
        return [this](std::span<const uint8_t> frame, uint32_t port, Drop why) {
            count(why);
            sink.lost(frame, static_cast<PortIndex>(port), why);
        };
    }

    FlowTable flows;
    SourceNat source_nat;
    Fragments fragments;
    AccessMemo<4> memo_v4;   // of packets under maps
    AccessMemo<16> memo_v6;  // likewise
    Routing routing;
    RateLimit icmp_limit;        // of what clients need to go on: too big, TTL used up
    AnswerBudget answers;        // that nobody is there
    std::shared_ptr<Punt> punt;  // all workers'
    TagCounts tags;
    PathMtus path_mtus;           // to servers that are tunnelled to
    std::vector<LinkSize> links;  // to each peer; the first worker asks
    QuestionBudget questions;
    Counters counters;
    Sink sink;
    uint64_t hash_key = 0;
    bool severing = false;   // some flows that an order has cut are not marked yet
    Trace* trace = nullptr;  // who wants each decision noted (note.h); null: nobody
};

}  // namespace rehome::vipd
