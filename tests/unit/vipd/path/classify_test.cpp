// What a frame is, as a table: everybody who asks gets these answers.
#include "vipd/path/classify.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/packet_text.h"
#include "vipd/state/keepalive.h"

namespace rehome::vipd::testing {

namespace {

const Address own = ip("10.99.0.1"), peer = ip("10.99.0.2"), stranger = ip("10.99.0.77");

Bytes frame_by(const std::string& text) {
    const auto packet = parse_packet_text(text);
    REQUIRE_MESSAGE(packet, packet.error().text());
    return frame_of(*packet);
}

Bytes by_gue(const std::string& inner, Gue::Kind kind, const Address& from = peer,
             const Address& to = own) {
    return tunnelled(parse_packet_text(inner)->ip, {kind, 3, true, 7}, from, to);
}

Bytes keepalive(const Address& from) {
    Bytes control(1500);
    control.resize(
        make_control_packet(control, Gue::Control::keepalive, encode(Keepalive{}), {from, own, 9}));
    return ethernet(control);
}

Bytes changed(Bytes frame, size_t at, uint8_t to) {
    frame[at] = to;
    return frame;
}

Bytes cut(Bytes frame, size_t bytes) {
    frame.resize(bytes);
    return frame;
}

std::string told(const Classified& what) {
    switch (what.kind) {
        case Classified::Kind::kernel:
            return "kernel";
        case Classified::Kind::bad:
            return "bad " + std::string(name(what.drop));
        case Classified::Kind::client:
            return "client " + text(what.packet);
        case Classified::Kind::server:
            return "server " + text(what.packet);
        case Classified::Kind::peer_client:
            return "peer_client " + text(what.packet);
        case Classified::Kind::peer_reply:
            return "peer_reply " + text(what.packet);
        case Classified::Kind::control:
            return "control";
        case Classified::Kind::tunnel_error:
            return "tunnel_error";
    }
    return "?";
}

}  // namespace

TEST_CASE("what a frame is") {
    const auto tables = Tables::build(every_forwarding());
    const std::string asked = "udp 100.80.0.1:4000 > 198.51.100.10:862 len 4";
    const std::string answered = "udp 10.1.1.11:862 > 100.80.0.1:4000 len 4";
    const std::string replied = "udp 198.51.100.10:862 > 100.80.0.1:4000 len 4";
    const std::string a = text(*parse_packet(parse_packet_text(asked)->ip, 0));
    const std::string s = text(*parse_packet(parse_packet_text(answered)->ip, 0));
    const std::string r = text(*parse_packet(parse_packet_text(replied)->ip, 0));
    const std::string first = "raw 4500001c000120004011cc4164500001c633640a0fa0035e00100000";
    struct Row {
        std::string what;
        PortIndex port;
        Bytes frame;
        std::string told;
    };
    const Row rows[] = {
        {"to a VIP by a line", red, frame_by(asked), "client " + a},
        {"no VIP", red, frame_by("udp 100.80.0.1:4000 > 192.0.2.9:862"), "kernel"},
        {"to a VIP by the servers' port", servers_port, frame_by(asked), "server " + a},
        {"a server's", servers_port, frame_by(answered), "server " + s},
        {"untagged, where servers are tagged", vlan_port, frame_by(answered), "kernel"},
        {"tagged", vlan_port, with_vlan(frame_by(answered), 300), "server " + s},
        {"tagged otherwise", vlan_port, with_vlan(frame_by(answered), 301), "kernel"},
        {"tagged, by a line that is not", red, with_vlan(frame_by(asked), 300), "kernel"},
        {"ARP", red, changed(frame_by(asked), 13, 6), "kernel"},
        {"multicast", red, changed(frame_by(asked), 0, 3), "kernel"},
        {"too short for Ethernet", red, cut(frame_by(asked), 9), "kernel"},
        {"cut short", red, cut(frame_by(asked), 40), "bad truncated"},
        {"of another version", red, changed(frame_by(asked), 14, 0x65), "bad bad_header"},
        {"a fragment that cannot be", red, changed(changed(frame_by(first), 20, 0x3f), 21, 0xff),
         "bad bad_fragment"},
        {"a client's from a peer", link_port, by_gue(asked, Gue::Kind::client), "peer_client " + a},
        {"a reply from a peer", link_port, by_gue(replied, Gue::Kind::reply), "peer_reply " + r},
        {"a keepalive", link_port, keepalive(peer), "control"},
        {"of no peer", link_port, by_gue(asked, Gue::Kind::client, stranger), "bad unknown_peer"},
        {"a keepalive of no peer", link_port, keepalive(stranger), "bad unknown_peer"},
        {"not to this gateway", link_port, by_gue(asked, Gue::Kind::client, peer, stranger),
         "kernel"},
        {"by a line", red, by_gue(asked, Gue::Kind::client), "kernel"},
        {"a client's to no VIP", link_port, by_gue(answered, Gue::Kind::client), "bad not_for_vip"},
        {"a reply of no VIP", link_port, by_gue(asked, Gue::Kind::reply), "bad not_for_vip"},
        {"another version of GUE", link_port,
         changed(by_gue(asked, Gue::Kind::client), 14 + 20 + 8, 0x42), "bad bad_tunnel"},
        {"what it carries is cut short", link_port,
         changed(by_gue(asked, Gue::Kind::client), 14 + 20 + 8 + 12 + 3, 99), "bad truncated"},
        {"an error to the tunnel's address", link_port,
         frame_by("icmp 10.98.0.1 > 10.99.0.1 too-big 1400 quote (udp 10.99.0.1:1 > 1.1.1.1:2)"),
         "tunnel_error"},
        {"the same by the servers' port", servers_port,
         frame_by("icmp 10.98.0.1 > 10.99.0.1 too-big 1400 quote (udp 10.99.0.1:1 > 1.1.1.1:2)"),
         "tunnel_error"},
        {"an echo request there", link_port, frame_by("icmp 10.98.0.1 > 10.99.0.1 echo"), "kernel"},
        {"not GUE's port", link_port, changed(by_gue(asked, Gue::Kind::client), 14 + 20 + 3, 1),
         "kernel"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(told(classify(row.frame, row.port, *tables)) == row.told);
    }
    const auto fragment = classify(frame_by(first), red, *tables);
    CHECK(fragment.kind == Classified::Kind::client);
    CHECK(fragment.first_fragment());
    const Bytes carried = by_gue(asked, Gue::Kind::client);
    const auto inner = classify(carried, link_port, *tables);
    CHECK(tables->peers()[inner.peer].gateway == "new");
    CHECK(inner.gue.hops == 3);
    CHECK(inner.gue.carrier == 7);
    CHECK(Bytes(inner.carried.begin(), inner.carried.end()) == parse_packet_text(asked)->ip);
    CHECK(innermost_packet(carried)->source == ip("100.80.0.1"));
    CHECK(innermost_packet(frame_by(asked))->source == ip("100.80.0.1"));
    CHECK(!innermost_packet(keepalive(peer)));
}

}  // namespace rehome::vipd::testing
