#include "vipd/flow/tcp.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

void learn(uint32_t& next, uint32_t to, bool known) {
    if (known) {
        advance(next, to);
    } else {
        next = to;
    }
}

void follow_numbers(Flow& flow, const Segment& segment, Side sender) {
    const bool client = sender == Side::client;
    const bool acknowledges = (segment.tcp_flags & tcp_flag::ack) != 0;
    const uint32_t end = segment.seq + segment.sequence_length();
    if ((segment.tcp_flags & tcp_flag::syn) != 0) {
        // An attempt with other numbers begins anew, whatever they are; its answer is to come.
        flow.server_known = client && flow.server_known && flow.client_next == end;
        flow.client_known = !client && flow.client_known;
    }
    // Its acknowledgement tells where the other end was, if nothing else has yet.
    if (client) {
        learn(flow.client_next, end, flow.client_known);
        flow.client_known = true;
        if (acknowledges && !flow.server_known) {
            flow.server_next = segment.ack;
            flow.server_known = true;
        }
        return;
    }
    learn(flow.server_next, end, flow.server_known);
    flow.server_known = true;
    if (acknowledges && !flow.client_known) {
        flow.client_next = segment.ack;
        flow.client_known = true;
    }
}

// Whether the client's packet shows that its server answers, which passes by another way.
bool goes_on(const Flow& flow, const Segment& segment) {
    const bool first = segment.tcp() && segment.first_segment();
    return flow.direct_return() && flow.client_known && !first;
}

void track_datagram(FlowTable& flows, Flow& flow, const Segment& segment, Side sender) {
    flow.answered = flow.answered || sender == Side::server || goes_on(flow, segment);
    flow.client_known = true;
    if (flow.answered) {
        flows.change(flow, flow.kind, Flow::Stage::established);
    }
}

}  // namespace

Flow* follow(FlowTable& flows, Flow& flow, const Segment& segment, bool has_ports, Side sender,
             Micros now) {
    flows.seen(flow, now);
    if (has_ports) {
        track(flows, flow, segment, sender);
    }
    return flow.confirmed() ? flows.settle(&flow) : &flow;
}

void track(FlowTable& flows, Flow& flow, const Segment& segment, Side sender) {
    if (!segment.tcp()) {
        track_datagram(flows, flow, segment, sender);
        return;
    }
    const uint8_t flags = segment.tcp_flags;
    const bool client = sender == Side::client;
    const auto to = [&](Flow::Stage stage) { flows.change(flow, flow.kind, stage); };
    const bool reset = (flags & tcp_flag::rst) != 0;
    flow.client_reset = client ? reset : bool{flow.client_reset};
    flow.server_reset = client ? bool{flow.server_reset} : reset;
    if (reset) {
        to(Flow::Stage::closing);  // its numbers may be anything
        return;
    }
    if (flow.stage == Flow::Stage::established && (flags & tcp_flag::syn) != 0) {
        return;  // of an end that has forgotten the connection, or forged: it is not in sequence
    }
    flow.answered = flow.answered || !client || goes_on(flow, segment);
    follow_numbers(flow, segment, sender);
    const bool finished = (flags & tcp_flag::fin) != 0;
    flow.client_finished = flow.client_finished || (client && finished);
    flow.server_finished = flow.server_finished || (!client && finished);
    if (flow.client_finished && flow.server_finished) {
        to(Flow::Stage::closing);
    } else if (flow.stage == Flow::Stage::closing) {
        // Who goes on after a reset of its own did not send it: forged, and refused by the ends.
        const bool alive = !flow.client_reset && !flow.server_reset;
        to(alive ? Flow::Stage::established : Flow::Stage::closing);
    } else if (flow.stage == Flow::Stage::half_open && client &&
               (flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::ack) {
        to(Flow::Stage::established);
    }
}

// Initial numbers are random (RFC 6528), so that only one in 8,192 connections is mistaken for the
// one before; a segment further off than this is rare, and costs a second chance.
bool of_another_connection(const Flow& flow, const Segment& segment) {
    constexpr uint32_t reach = 1U << 18;
    const auto near = [](uint32_t a, uint32_t b) { return a - b + reach <= 2 * reach; };
    if (!segment.tcp() || segment.first_segment()) {
        return false;
    }
    const bool other_client = flow.client_known && !near(segment.seq, flow.client_next);
    if (flow.stage == Flow::Stage::closing || flow.stage == Flow::Stage::reset) {
        return other_client;
    }
    if (flow.stage != Flow::Stage::half_open || flow.kind != Flow::Kind::here) {
        return false;
    }
    // Whoever acknowledges has seen an answer; that of our server passes here.
    const bool acknowledges = (segment.tcp_flags & tcp_flag::ack) != 0;
    const bool ours = flow.server_known && near(segment.ack, flow.server_next);
    return other_client || (acknowledges && !ours);
}

}  // namespace rehome::vipd
