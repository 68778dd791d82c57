// What the access rules make of a client's packet and of what answers it, and of flows that live.
//
// A flow's first packet is looked at where it comes in by a line, and no other one: the entry
// stands for what was decided.  When other rules come, a round over all flows (FlowTable's sweep)
// looks at each of them, a few hundred at once; until it has been there a flow's own packets are
// looked at, in both directions, so that nobody passes who may not any more.  A flow that is
// dropped keeps its entry, marked, by which its server's packets are known too; its packets are
// looked at again, so that other rules can let it go on.  Of maps each packet is looked at; what
// was found about the same ends is remembered as long as the rules are the same (access/memo.h).
//
// What a peer hands over was looked at where it came in; the answers to it are looked at there too,
// or here where they leave by a line of this gateway because the peer is away.  ICMP errors count
// as the packet that they quote, fragments as their first one.
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

// Which ends the rules see: of what a client sends, and of what goes to a client as from a VIP.
FlowKey ends_of_client(const Frame& frame, const Packet& packet);
FlowKey ends_of_reply(const Frame& frame, const Packet& packet);

// Whether the rules drop a packet between these ends.  flow: their entry; null: there is none.
// by_line: it is a client's and came in here, or goes to one and leaves here.
bool barred(const View& view, Hands& hands, const FlowKey& ends, Flow* flow, bool by_line = false);
// The same of what answers a client, of which the way back is known.  ours: as way_out() has it.
bool barred_answer(const View& view, Hands& hands, const FlowKey& ends, Flow* flow,
                   const WayBack& back, bool ours = true);
// The same of a client's packet by a line, whose ports are known.
bool barred_by_line(const View& view, Hands& hands, const Frame& frame, const Packet& packet);

// Counts what a rule has decided.
inline void count_rule(Hands& hands, const Access& access, uint32_t rule) {
    auto& counts = hands.counters.access;
    if (counts.size() != access.counters()) [[unlikely]] {
        counts.assign(access.counters(), 0);
    }
    ++counts[access.counter_of(rule)];
}

// Some more of the round over all flows, if there is one.
void sweep(const View& view, Hands& hands);
// Of the flows among the places up to `until`, those that these rules would drop and that are not
// dropped yet: with their number.  False: there are no more flows.
bool would_bar(const Access& access, FlowTable& flows, uint64_t& place, uint64_t until,
               uint64_t& count);

// Why a flow may not begin here: limits and admission.  It counts, unless somebody only asks.
inline std::optional<Drop> refuses(const View& view, const Hands& hands, const FlowKey& key,
                                   uint32_t service) {
    return view.snapshot.limits == nullptr
               ? std::nullopt
               : view.snapshot.limits->refuse(key, service, view.now, hands.trace == nullptr);
}

}  // namespace rehome::vipd
