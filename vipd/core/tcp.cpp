#include "vipd/core/tcp.h"

#include <algorithm>

namespace rehome {

namespace {

bool after(uint32_t a, uint32_t b) {
    return static_cast<int32_t>(a - b) > 0;
}

void advance(uint32_t& next, bool& known, uint32_t to) {
    if (!known || after(to, next)) {
        next = to;
    }
    known = true;
}

void follow_numbers(TcpNumbers& numbers, const Packet& packet, Side sender) {
    const bool client = sender == Side::client;
    const uint32_t end = packet.seq + packet.sequence_length();
    if ((packet.tcp_flags & tcp_flag::syn) != 0) {
        // An attempt with other numbers begins anew, whatever they are; its answer is to come.
        (client ? numbers.client_known : numbers.server_known) = false;
        numbers.server_known = numbers.server_known && numbers.client_next == end;
    }
    advance(client ? numbers.client_next : numbers.server_next,
            client ? numbers.client_known : numbers.server_known, end);
    // Its acknowledgement tells where the other end was, if nothing else has yet.
    bool& other_known = client ? numbers.server_known : numbers.client_known;
    if ((packet.tcp_flags & tcp_flag::ack) != 0 && !other_known) {
        (client ? numbers.server_next : numbers.client_next) = packet.ack;
        other_known = true;
    }
}

}  // namespace

void track(Flow& flow, const Packet& packet, Side sender) {
    if (!packet.tcp()) {
        flow.stage = sender == Side::server ? Flow::Stage::established : flow.stage;
        return;
    }
    const uint8_t flags = packet.tcp_flags;
    bool& reset = sender == Side::client ? flow.client_reset : flow.server_reset;
    reset = (flags & tcp_flag::rst) != 0;
    if (reset) {
        flow.stage = Flow::Stage::closing;  // its numbers may be anything
        return;
    }
    if (flow.stage == Flow::Stage::established && (flags & tcp_flag::syn) != 0) {
        return;  // of an end that has forgotten the connection, or forged: it is not in sequence
    }
    follow_numbers(flow.numbers, packet, sender);
    if ((flags & tcp_flag::fin) != 0) {
        (sender == Side::client ? flow.client_finished : flow.server_finished) = true;
    }
    if (flow.client_finished && flow.server_finished) {
        flow.stage = Flow::Stage::closing;
    } else if (flow.stage == Flow::Stage::closing) {
        // Who goes on after a reset of its own did not send it: forged, and refused by the ends.
        const bool alive = !flow.client_reset && !flow.server_reset;
        flow.stage = alive ? Flow::Stage::established : Flow::Stage::closing;
    } else if (flow.stage == Flow::Stage::half_open && sender == Side::client &&
               (flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::ack) {
        flow.stage = Flow::Stage::established;
    }
}

// Initial numbers are random (RFC 6528), so that only one in 8,192 connections is mistaken for the
// one before; a segment further off than this is rare, and costs a second chance.
bool of_another_connection(const Flow& flow, const Packet& packet) {
    constexpr uint32_t reach = 1U << 18;
    const auto near = [](uint32_t a, uint32_t b) { return a - b + reach <= 2 * reach; };
    if (!packet.tcp() || packet.first_segment()) {
        return false;
    }
    const TcpNumbers& numbers = flow.numbers;
    const bool other_client = numbers.client_known && !near(packet.seq, numbers.client_next);
    if (flow.stage == Flow::Stage::closing || flow.stage == Flow::Stage::reset) {
        return other_client;
    }
    if (flow.stage != Flow::Stage::half_open || flow.kind != Flow::Kind::here) {
        return false;
    }
    // Whoever acknowledges has seen an answer; that of our server passes here.
    const bool acknowledges = (packet.tcp_flags & tcp_flag::ack) != 0;
    const bool ours = numbers.server_known && near(packet.ack, numbers.server_next);
    return other_client || (acknowledges && !ours);
}

}  // namespace rehome
