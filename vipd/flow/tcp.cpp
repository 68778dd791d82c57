#include "vipd/flow/tcp.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

bool has(const Segment& segment, uint8_t flags) {
    return (segment.tcp_flags & flags) != 0;
}

uint32_t end_of(const Segment& segment) {
    return segment.seq + segment.sequence_length();
}

// A segment and the entry that it meets, from its sender's side.
class Passing {
public:
    Passing(Flow& flow, const Segment& segment, Side sender)
        : flow_(flow), segment_(segment), client_(sender == Side::client) {}

    // Whether the end that sends it can be the one whose numbers are known, and has heard the
    // other.
    bool fits() const {
        return !flow_.answered ||
               (has(segment_, tcp_flag::ack) && near(segment_.seq, next()) && heard_other());
    }
    // It carries something beyond a FIN that may not be acknowledged yet, and not too far.
    bool goes_beyond_fin() const {
        const uint32_t beyond = end_of(segment_) - (next() + 1);
        return !has(segment_, tcp_flag::fin) && beyond != 0 && beyond <= sequence_reach;
    }
    bool resets() const {
        const bool refuses = !client_ && has(segment_, tcp_flag::ack) && flow_.client_known &&
                             flow_.stage == Flow::Stage::half_open &&
                             segment_.ack == flow_.client_next;
        const bool bound = flow_.answered || flow_.stage == Flow::Stage::half_open || !client_;
        const bool there =
            flow_.direct_return() ? near(segment_.seq, next()) : segment_.seq == next();
        return segment_.sound && (refuses || (bound && known() && there));
    }
    // Its SYN is another attempt than the one that is known.
    bool begins_anew() const {
        return has(segment_, tcp_flag::syn) && client_ && end_of(segment_) != flow_.client_next;
    }
    // It shows that the server answers, whose packets do not pass here: by data, or by more that it
    // acknowledges than the handshake's.
    bool shows_answer() const {
        return flow_.direct_return() && flow_.client_known && !segment_.first_segment() &&
               near(segment_.seq, flow_.client_next) &&
               (segment_.payload_bytes != 0 || (flow_.server_known && heard_more()));
    }

    void follow_numbers() {
        if (client_) {
            follow_client();
            flow_.client_known = true;
        } else {
            follow_server();
            flow_.server_known = true;
        }
    }

private:
    uint32_t next() const { return client_ ? flow_.client_next : flow_.server_next; }
    bool known() const { return client_ ? flow_.client_known : flow_.server_known; }
    bool heard_other() const {
        const bool other_known = client_ ? flow_.server_known : flow_.client_known;
        return !other_known || near(segment_.ack, client_ ? flow_.server_next : flow_.client_next);
    }

    bool heard_more() const {
        return segment_.ack != flow_.server_next &&
               segment_.ack - flow_.server_next <= sequence_reach;
    }

    void follow_client() {
        const bool acknowledges = has(segment_, tcp_flag::ack);
        if (flow_.answered) {
            // A FIN takes its number when the server acknowledges it: who forges one gains nothing.
            const uint32_t fin = has(segment_, tcp_flag::fin) && !flow_.direct_return() ? 1 : 0;
            track_plain(flow_, Side::client, end_of(segment_) - fin,
                        acknowledges ? segment_.ack : flow_.server_next);
            return;
        }
        const bool ahead = flow_.client_known && near(end_of(segment_), flow_.client_next);
        if (ahead) {
            advance(flow_.client_next, end_of(segment_));
        } else {
            flow_.client_next = end_of(segment_);
        }
        if (acknowledges) {
            flow_.server_next = segment_.ack;
            flow_.server_known = true;
        }
    }

    void follow_server() {
        const bool first_answer = !flow_.answered || has(segment_, tcp_flag::syn);
        if (first_answer) {
            flow_.server_next = end_of(segment_);
        } else {
            advance(flow_.server_next, end_of(segment_));
        }
        if (!has(segment_, tcp_flag::ack)) {
            return;
        }
        const bool of_others = first_answer && !near(segment_.ack, flow_.client_next);
        if (of_others || !flow_.client_known) {
            flow_.client_next = segment_.ack;
            flow_.client_known = true;
        } else {
            advance(flow_.client_next, segment_.ack);
        }
    }

    Flow& flow_;
    const Segment& segment_;
    bool client_;
};

void take_turn(Flow& flow, Side sender) {
    const Side next = flow.turns % 2 == 0 ? Side::client : Side::server;
    flow.turns += flow.turns < Flow::two_exchanges && sender == next ? 1U : 0U;
}

void track_datagram(FlowTable& flows, Flow& flow, Side sender) {
    const bool goes_on = flow.direct_return() && flow.client_known;
    if (flow.direct_return() && sender == Side::client) {
        take_turn(flow, Side::server);  // who goes on has had an answer
    }
    take_turn(flow, sender);
    flow.answered = flow.answered || sender == Side::server || goes_on;
    flow.client_known = true;
    if (flow.answered) {
        flows.change(flow, flow.kind, Flow::Stage::established);
    }
}

// A flow of datagrams before its second exchange may have seen all that there is.  With a port of a
// pool it gets no lasting place until then, so that it gives way where there are many such
// (source_nat.h): a flood of forged questions, each of which is answered, would hold every port.
bool may_be_over(const Flow& flow) {
    return !flow.tcp() && flow.kind == Flow::Kind::here && flow.nat_port != 0 &&
           !flow.own_address && flow.turns < Flow::two_exchanges;
}

// Bit-fields of one side or the other; clang 14 assigns to none that a conditional chooses.
void set_reset(Flow& flow, bool client, bool value) {
    if (client) {
        flow.client_reset = value;
    } else {
        flow.server_reset = value;
    }
}

void take_finish_back(Flow& flow, bool client) {
    if (client) {
        flow.client_finished = false;
    } else {
        flow.server_finished = false;
    }
}

// Who goes on after closing has not closed.
bool takes_back(Flow& flow, const Passing& passing, bool client) {
    const bool reset = client ? flow.client_reset : flow.server_reset;
    const bool finished = client ? flow.client_finished : flow.server_finished;
    if (reset && passing.fits()) {
        set_reset(flow, client, false);
    }
    if (finished && passing.fits() && passing.goes_beyond_fin()) {
        take_finish_back(flow, client);
    }
    const bool closed = flow.client_finished && (flow.server_finished || flow.direct_return());
    return !flow.client_reset && !flow.server_reset && !closed;
}

}  // namespace

Flow* follow(FlowTable& flows, Flow& flow, const Segment& segment, bool has_ports, Side sender,
             Micros now) {
    flows.seen(flow, now);
    if (has_ports) {
        track(flows, flow, segment, sender);
    }
    if (!flow.confirmed() || may_be_over(flow)) {
        return &flow;
    }
    Flow* lasting = flows.settle(&flow);
    if (!lasting->tcp() && lasting->turns == Flow::two_exchanges && !lasting->server_known) {
        flows.exchanged(*lasting, now);
    }
    return lasting;
}

void track(FlowTable& flows, Flow& flow, const Segment& segment, Side sender) {
    if (!segment.tcp()) {
        track_datagram(flows, flow, sender);
        return;
    }
    const bool client = sender == Side::client;
    Passing passing(flow, segment, sender);
    const auto to = [&](Flow::Stage stage) { flows.change(flow, flow.kind, stage); };
    if (has(segment, tcp_flag::rst)) {
        if (passing.resets()) {
            set_reset(flow, client, true);
            to(Flow::Stage::closing);
        }
        return;
    }
    const bool finished = has(segment, tcp_flag::fin);
    if (finished && !(segment.sound && passing.fits())) {
        return;
    }
    if (has(segment, tcp_flag::syn) && flow.stage != Flow::Stage::half_open) {
        if (client || passing.fits()) {
            return;  // of an end that has forgotten the connection, or forged; or said once more
        }
        to(Flow::Stage::half_open);  // the server knows of no other connection
        flow.client_finished = flow.server_finished = flow.client_reset = flow.server_reset = false;
    } else if (passing.begins_anew()) {
        flow.answered = flow.server_known = flow.client_known = false;
    }
    if (flow.stage == Flow::Stage::closing && takes_back(flow, passing, client)) {
        to(Flow::Stage::established);
    }
    const bool fits = passing.fits(), answers = !client || passing.shows_answer();
    passing.follow_numbers();
    flow.answered = flow.answered || answers;
    flow.client_finished = flow.client_finished || (client && finished);
    flow.server_finished = flow.server_finished || (!client && finished);
    if (flow.client_finished && (flow.server_finished || flow.direct_return())) {
        to(Flow::Stage::closing);
    } else if (flow.stage == Flow::Stage::half_open && client && fits &&
               (flow.answered || !flow.direct_return()) &&
               (segment.tcp_flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::ack) {
        to(Flow::Stage::established);
    }
}

bool moves_way_back(const Flow& flow, const Segment& segment, bool has_ports) {
    if (!segment.tcp() || !flow.tcp()) {
        return true;
    }
    if (!has_ports || has(segment, tcp_flag::rst)) {
        return false;
    }
    if (!flow.answered) {
        return true;
    }
    if (segment.first_segment()) {
        return flow.stage == Flow::Stage::half_open && end_of(segment) == flow.client_next;
    }
    return has(segment, tcp_flag::ack) && near(segment.seq, flow.client_next) &&
           near(segment.ack, flow.server_next);
}

// Initial numbers are random (RFC 6528), so that only one in 8,192 connections is mistaken for the
// one before; a segment further off than this is rare, and costs a second chance.
bool of_another_connection(const Flow& flow, const Segment& segment) {
    constexpr uint32_t next_to = 1U << 18;
    const auto near = [](uint32_t a, uint32_t b) { return a - b + next_to <= 2 * next_to; };
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
    if (flow.direct_return()) {
        return other_client;  // whom it acknowledges does not pass here
    }
    // Whoever acknowledges has seen an answer; that of our server passes here.
    const bool acknowledges = (segment.tcp_flags & tcp_flag::ack) != 0;
    const bool ours = flow.server_known && near(segment.ack, flow.server_next);
    return other_client || (acknowledges && !ours);
}

}  // namespace rehome::vipd
