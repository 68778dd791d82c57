// Following a connection from outside: stages and numbers, as rows of segments.
#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/flow/tcp.h"

namespace rehome::vipd::testing {

namespace {

struct Segment {
    char who;  // c or s
    uint8_t flags;
    uint32_t seq, ack;
    uint32_t bytes;
};

struct Row {
    std::string what;
    std::vector<Segment> segments;
    Flow::Stage stage;
    uint32_t client_next, server_next;  // what a reset must carry
};

using namespace flag;
using Stage = Flow::Stage;

const std::vector<Segment> handshake{
    {'c', S, 100, 0, 0}, {'s', S | A, 900, 101, 0}, {'c', A, 101, 901, 0}};

std::vector<Segment> after_handshake(const std::vector<Segment>& more) {
    auto out = handshake;
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

const Row rows[] = {
    {"a SYN", {{'c', S, 100, 0, 0}}, Stage::half_open, 101, 0},
    {"a SYN again", {{'c', S, 100, 0, 0}, {'c', S, 100, 0, 0}}, Stage::half_open, 101, 0},
    {"another attempt with a lower number",
     {{'c', S, 100, 0, 0}, {'s', S | A, 900, 101, 0}, {'c', S, 50, 0, 0}},
     Stage::half_open,
     51,
     0},
    {"and its answer",
     {{'c', S, 100, 0, 0}, {'s', S | A, 900, 101, 0}, {'c', S, 50, 0, 0}, {'s', S | A, 300, 51, 0}},
     Stage::half_open,
     51,
     301},
    {"its answer", {{'c', S, 100, 0, 0}, {'s', S | A, 900, 101, 0}}, Stage::half_open, 101, 901},
    {"the handshake", handshake, Stage::established, 101, 901},
    {"data both ways", after_handshake({{'c', A | P, 101, 901, 10}, {'s', A | P, 901, 111, 20}}),
     Stage::established, 111, 921},
    {"a retransmission takes nothing back",
     after_handshake({{'c', A, 101, 901, 10}, {'c', A, 111, 901, 10}, {'c', A, 101, 901, 10}}),
     Stage::established, 121, 901},
    {"a keepalive probe takes nothing back", after_handshake({{'c', A, 100, 901, 0}}),
     Stage::established, 101, 901},
    {"numbers wrap around",
     {{'c', S, 0xfffffffe, 0, 0},
      {'s', S | A, 0xffffffff, 0xffffffff, 0},
      {'c', A, 0xffffffff, 0, 5}},
     Stage::established,
     4,
     0},
    {"met in mid-flow, from the client",
     {{'c', A, 5000, 7000, 10}},
     Stage::established,
     5010,
     7000},
    {"one FIN", after_handshake({{'c', F | A, 101, 901, 0}}), Stage::established, 101, 901},
    {"one FIN, acknowledged", after_handshake({{'c', F | A, 101, 901, 0}, {'s', A, 901, 102, 0}}),
     Stage::established, 102, 901},
    {"a forged FIN, and a reset behind it",
     after_handshake({{'c', F | A, 101, 1000, 0}, {'c', R, 102, 0, 0}, {'c', A, 101, 901, 10}}),
     Stage::established, 111, 901},
    {"data that acknowledges what was never sent", after_handshake({{'c', A, 101, 50'000'000, 10}}),
     Stage::established, 101, 901},
    {"one end's FIN twice", after_handshake({{'c', F | A, 101, 901, 0}, {'c', F | A, 101, 901, 0}}),
     Stage::established, 101, 901},
    {"both FINs", after_handshake({{'c', F | A, 101, 901, 0}, {'s', F | A, 901, 102, 0}}),
     Stage::closing, 102, 902},
    {"the client's reset", after_handshake({{'c', R, 101, 0, 0}}), Stage::closing, 101, 901},
    {"the server's refusal",
     {{'c', S, 100, 0, 0}, {'s', R | A, 0, 101, 0}},
     Stage::closing,
     101,
     0},
    {"a reset that is not at the next number", after_handshake({{'s', R, 50'000, 0, 0}}),
     Stage::established, 101, 901},
    {"nor one off by one", after_handshake({{'c', R, 100, 0, 0}, {'c', R, 102, 0, 0}}),
     Stage::established, 101, 901},
    {"the server's reset", after_handshake({{'s', R, 901, 0, 0}}), Stage::closing, 101, 901},
    {"a refusal of another attempt",
     {{'c', S, 100, 0, 0}, {'s', R | A, 0, 102, 0}},
     Stage::half_open,
     101,
     0},
    {"a refusal in mid-flow", after_handshake({{'s', R | A, 0, 101, 0}}), Stage::established, 101,
     901},
    {"the client's FIN far ahead",
     after_handshake({{'c', F | A, 50'000'000, 901, 0}, {'s', F | A, 901, 101, 0}}),
     Stage::established, 101, 902},
    {"a FIN that acknowledges what was never sent",
     after_handshake({{'c', F | A, 101, 50'000'000, 0}, {'s', F | A, 901, 101, 0}}),
     Stage::established, 101, 902},
    {"an ACK far ahead", after_handshake({{'c', A, 50'000'000, 901, 10}}), Stage::established, 101,
     901},
    {"and the client goes on",
     after_handshake({{'c', A, 50'000'000, 901, 10}, {'c', A, 101, 901, 10}}), Stage::established,
     111, 901},
    {"the server acknowledges what was lost on the way here",
     after_handshake({{'s', A, 901, 20'000'101, 0}}), Stage::established, 20'000'101, 901},
    {"a server's answer to forged numbers of a flow met in mid-flow",
     {{'c', A, 50'000'000, 60'000'000, 0}, {'s', A, 901, 101, 0}},
     Stage::established,
     101,
     901},
    {"and after it they bind",
     {{'c', A, 50'000'000, 60'000'000, 0},
      {'s', A, 901, 101, 0},
      {'c', A, 50'000'000, 60'000'000, 0}},
     Stage::established,
     101,
     901},
    {"a reset of a flow met in mid-flow, before its server answers",
     {{'c', A, 5000, 7000, 0}, {'c', R, 5000, 0, 0}},
     Stage::established,
     5000,
     7000},
    {"both FINs, then one end goes on beyond its own",
     after_handshake(
         {{'c', F | A, 101, 901, 0}, {'s', F | A, 901, 102, 0}, {'c', A, 102, 902, 10}}),
     Stage::established, 112, 902},
    {"both FINs, then what is still on its way",
     after_handshake({{'c', F | A, 101, 901, 0},
                      {'s', F | A, 901, 102, 0},
                      {'c', A, 102, 902, 0},
                      {'c', F | A, 101, 901, 0},
                      {'s', F | A, 901, 102, 0}}),
     Stage::closing, 102, 902},
    {"a SYN with another number in mid-flow moves nothing",
     after_handshake({{'c', S, 1'000'000, 0, 0}}), Stage::established, 101, 901},
    {"a SYN in mid-flow that the server answers",
     after_handshake({{'c', S, 1'000'000'000, 0, 0}, {'s', S | A, 70, 1'000'000'001, 0}}),
     Stage::half_open, 1'000'000'001, 71},
    {"the server's SYN once more", after_handshake({{'s', S | A, 900, 101, 0}}), Stage::established,
     101, 901},
    {"after a reset that nobody took, both go on",
     after_handshake({{'c', R, 101, 0, 0}, {'c', A, 101, 901, 10}, {'s', A, 901, 111, 0}}),
     Stage::established, 111, 901},
    {"after a reset, the other end's late segments",
     after_handshake({{'c', R, 101, 0, 0}, {'s', A, 901, 101, 10}, {'s', A, 911, 101, 10}}),
     Stage::closing, 101, 921},
};

Packet packet(const Segment& segment) {
    Say say{end("100.80.0.1:40000"),
            end("198.51.100.10:1883"),
            6,
            segment.flags,
            segment.seq,
            segment.ack,
            std::string(segment.bytes, 'x')};
    return *parse_packet(make_ip(say), 0);
}

}  // namespace

TEST_CASE("stages and numbers of a connection") {
    for (const Row& row : rows) {
        INFO(row.what);
        FlowTable flows({4, 4}, 1);
        Flow& flow = *flows.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
        for (const Segment& segment : row.segments) {
            track(flows, flow, packet(segment), segment.who == 'c' ? Side::client : Side::server);
        }
        CHECK((flow.stage == row.stage));
        CHECK(flow.client_next == row.client_next);
        CHECK((flow.server_known ? flow.server_next : 0) == row.server_next);
        CHECK(bool{flow.client_known} == (row.client_next != 0));
        CHECK(bool{flow.server_known} ==
              (row.what == "numbers wrap around" || row.server_next != 0));
    }
}

TEST_CASE("a checksum that is wrong makes reset and FIN count for nothing") {
    for (const Segment& last : {Segment{'c', R, 101, 0, 0}, Segment{'c', F | A, 101, 901, 0}}) {
        FlowTable flows({4, 4}, 1);
        Flow& flow = *flows.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
        for (const Segment& segment : after_handshake({{'s', F | A, 901, 101, 0}})) {
            track(flows, flow, packet(segment), segment.who == 'c' ? Side::client : Side::server);
        }
        Packet wrong = packet(last);
        REQUIRE(wrong.sound);
        wrong.sound = false;
        track(flows, flow, wrong, Side::client);
        CHECK((flow.stage == Stage::established));
        track(flows, flow, packet(last), Side::client);
        CHECK((flow.stage == Stage::closing));
    }
}

TEST_CASE("what moves the way back") {
    struct Move {
        std::string what;
        std::vector<Segment> before;
        Segment then;
        bool moves;
    };
    const Segment syn{'c', S, 100, 0, 0}, syn_ack{'s', S | A, 900, 101, 0};
    const Move rows[] = {
        {"an ACK of what is known", handshake, {'c', A, 101, 901, 0}, true},
        {"a keepalive probe", handshake, {'c', A, 100, 901, 0}, true},
        {"a retransmission", handshake, {'c', A | P, 101, 901, 100}, true},
        {"a FIN", handshake, {'c', F | A, 101, 901, 0}, true},
        {"an ACK with random numbers", handshake, {'c', A, 3'000'000'000, 2'000'000'000, 0}, false},
        {"one number right", handshake, {'c', A, 101, 2'000'000'000, 0}, false},
        {"the other", handshake, {'c', A, 2'000'000'000, 901, 0}, false},
        {"a reset, even at the next number", handshake, {'c', R, 101, 0, 0}, false},
        {"a reset that acknowledges", handshake, {'c', R | A, 101, 901, 0}, false},
        {"a SYN in mid-flow", handshake, {'c', S, 101, 0, 0}, false},
        {"a segment without ACK", handshake, {'c', P, 101, 901, 0}, false},
        {"the SYN once more", {syn}, syn, true},
        {"the SYN once more, answered", {syn, syn_ack}, syn, true},
        {"another SYN, answered", {syn, syn_ack}, {'c', S, 5'000'000, 0, 0}, false},
        {"met in mid-flow, not answered", {{'c', A, 1, 2, 0}}, {'c', A, 3'000'000'000, 7, 0}, true},
    };
    for (const Move& row : rows) {
        INFO(row.what);
        FlowTable flows({4, 4}, 1);
        Flow& flow = *flows.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
        for (const Segment& segment : row.before) {
            track(flows, flow, packet(segment), segment.who == 'c' ? Side::client : Side::server);
        }
        CHECK(moves_way_back(flow, packet(row.then), true) == row.moves);
        if (!row.before.empty() && row.before.front().who == 'c' && flow.answered) {
            CHECK_FALSE(moves_way_back(flow, packet(row.then), false));
        }
    }
}

TEST_CASE("a segment of another connection than the one that is over or half open") {
    struct Meeting {
        std::string what;
        std::vector<Segment> before;
        Segment then;
        bool another;
    };
    const auto closed = after_handshake({{'c', F | A, 101, 901, 0}, {'s', F | A, 901, 102, 0}});
    const Segment syn{'c', S, 100, 0, 0}, syn_ack{'s', S | A, 900, 101, 0};
    const Meeting meetings[] = {
        {"closed, its last ACK", closed, {'c', A, 102, 902, 0}, false},
        {"closed, a retransmission", closed, {'c', A | F, 101, 901, 0}, false},
        {"closed, far off", closed, {'c', A, 1'000'000, 902, 0}, true},
        {"closed, far off the other way", closed, {'c', A, 4'000'000'000, 902, 0}, true},
        {"closed, a SYN is placed anyhow", closed, {'c', S, 1'000'000, 0, 0}, false},
        {"established, however far off", handshake, {'c', A, 1'000'000, 902, 0}, false},
        {"half open, answered, its ACK", {syn, syn_ack}, {'c', A, 101, 901, 0}, false},
        {"half open, an ACK of another answer", {syn, syn_ack}, {'c', A, 101, 5'000'000, 0}, true},
        {"half open, of another attempt", {syn, syn_ack}, {'c', A, 5'000'000, 901, 0}, true},
        {"half open, not answered by our server", {syn}, {'c', A, 101, 901, 0}, true},
        {"half open, its reset", {syn}, {'c', R, 101, 0, 0}, false},
        {"half open, the SYN again", {syn}, syn, false},
    };
    for (const Meeting& meeting : meetings) {
        INFO(meeting.what);
        FlowTable flows({4, 4}, 1);
        Flow& flow = *flows.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
        for (const Segment& segment : meeting.before) {
            track(flows, flow, packet(segment), segment.who == 'c' ? Side::client : Side::server);
        }
        CHECK(of_another_connection(flow, packet(meeting.then)) == meeting.another);
        flow.kind = Flow::Kind::relayed;  // whose replies may pass elsewhere
        if (flow.stage == Stage::half_open) {
            CHECK_FALSE(of_another_connection(flow, packet(meeting.then)));
        }
    }
}

TEST_CASE("UDP is established by its first reply") {
    FlowTable flows({4, 4}, 1);
    Flow& flow = *flows.insert({17, end("192.0.2.1:1"), end("192.0.2.2:2")}, 0);
    const Packet datagram = *parse_packet(make_ip({end("192.0.2.1:1"), end("192.0.2.2:2"), 17}), 0);
    track(flows, flow, datagram, Side::client);
    CHECK((flow.stage == Stage::half_open));
    track(flows, flow, datagram, Side::server);
    CHECK((flow.stage == Stage::established));
    track(flows, flow, datagram, Side::client);
    CHECK((flow.stage == Stage::established));
}

TEST_CASE(
    "who is never pushed out: a flow that its server has answered and its client went on with") {
    struct Case {
        std::string what;
        uint8_t protocol;
        Flow::Kind kind;
        Flow::Reach reach;
        std::vector<Segment> segments;
        bool confirmed;
    };
    using K = Flow::Kind;
    using F = Flow::Reach;
    const std::vector<Segment> unanswered{{'c', S, 100, 0, 0}, {'c', A, 101, 901, 0}};
    const Case cases[] = {
        {"a handshake", 6, K::here, F::nat, handshake, true},
        {"a SYN and an ACK, no answer", 6, K::here, F::nat, unanswered, false},
        {"a SYN and its answer", 6, K::here, F::nat, {handshake[0], handshake[1]}, false},
        {"a bare ACK", 6, K::here, F::nat, {{'c', A, 101, 901, 0}}, false},
        {"a bare ACK that is answered",
         6,
         K::here,
         F::nat,
         {{'c', A, 1, 9, 0}, {'s', A, 9, 1, 5}},
         true},
        {"relayed, with its replies", 6, K::relayed, F::nat, handshake, true},
        {"asked for", 6, K::provisional, F::nat, handshake, false},
        {"direct return, a SYN", 6, K::here, F::ipip, {{'c', S, 100, 0, 0}}, false},
        {"direct return, a SYN twice",
         6,
         K::here,
         F::ipip,
         {{'c', S, 100, 0, 0}, {'c', S, 100, 0, 0}},
         false},
        {"direct return, the handshake's ACK alone", 6, K::here, F::gue, unanswered, false},
        {"direct return, data",
         6,
         K::here,
         F::gue,
         {{'c', S, 100, 0, 0}, {'c', A, 101, 901, 0}, {'c', A, 101, 901, 10}},
         true},
        {"direct return, the server's data acknowledged",
         6,
         K::here,
         F::ipip,
         {{'c', S, 100, 0, 0}, {'c', A, 101, 901, 0}, {'c', A, 101, 950, 0}},
         true},
        {"direct return, what nobody can have said",
         6,
         K::here,
         F::ipip,
         {{'c', S, 100, 0, 0}, {'c', A, 101, 901, 0}, {'c', A, 2'000'000'000, 901, 10}},
         false},
        {"a datagram, and another",
         17,
         K::here,
         F::nat,
         {{'c', A, 0, 0, 0}, {'c', A, 0, 0, 0}},
         false},
        {"a datagram, and its answer",
         17,
         K::here,
         F::nat,
         {{'c', A, 0, 0, 0}, {'s', A, 0, 0, 0}},
         true},
        {"direct return, two datagrams",
         17,
         K::here,
         F::ipip,
         {{'c', A, 0, 0, 0}, {'c', A, 0, 0, 0}},
         true},
    };
    for (const Case& row : cases) {
        INFO(row.what);
        FlowTable flows({4, 4}, 1);
        Flow& flow =
            *flows.insert({row.protocol, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
        flows.change(flow, row.kind, flow.stage);
        flow.reach = row.reach;
        for (const Segment& segment : row.segments) {
            Packet seen = packet(segment);
            seen.protocol = row.protocol;
            track(flows, flow, seen, segment.who == 'c' ? Side::client : Side::server);
        }
        CHECK(flow.confirmed() == row.confirmed);
    }
}

}  // namespace rehome::vipd::testing
