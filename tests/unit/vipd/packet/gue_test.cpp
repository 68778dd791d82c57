// The tunnel's headers and the keepalives in it: what is taken, and a longer list of what is
// refused.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/gue.h"
#include "vipd/state/keepalive.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

std::string decoded(const Bytes& payload) {
    const auto gue = decode_gue(payload);
    if (!gue) {
        return std::string(name(gue.error()));
    }
    if (gue->kind == Gue::Kind::control) {
        return "control " + std::to_string(static_cast<int>(gue->control)) + " at " +
               std::to_string(gue->header_bytes);
    }
    return std::string(gue->kind == Gue::Kind::reply ? "reply" : "client") + " hops " +
           std::to_string(gue->hops) + (gue->crossed ? " crossed" : "") + " carrier " +
           std::to_string(gue->carrier) + " at " + std::to_string(gue->header_bytes);
}

const TunnelEnds v4_ends{ip("10.99.0.1"), ip("10.99.0.2"), 50000};
const TunnelEnds v6_ends{ip("2001:db8:99::1"), ip("2001:db8:99::2"), 50001};

}  // namespace

TEST_CASE("tunnel headers that are taken") {
    struct Row {
        Bytes payload;
        std::string gue;
    };
    const Row rows[] = {
        {{2, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 9}, "client hops 3 carrier 9 at 12"},
        {{2, 41, 0, 0, 1, 1, 0, 1, 0xff, 0, 0, 0}, "reply hops 0 crossed carrier 4278190080 at 12"},
        {{2, 4, 0, 0, 1, 0, 255, 0, 0, 0, 0, 0, 0x45}, "client hops 255 carrier 0 at 12"},
        {{0x20, 0, 0, 0}, "control 0 at 4"},
        {{0x21, 0, 0, 0, 1, 2, 3, 4}, "control 0 at 8"},
    };
    for (const Row& row : rows) {
        CHECK(decoded(row.payload) == row.gue);
    }
}

TEST_CASE("tunnel headers that are refused") {
    struct Row {
        std::string what;
        Bytes payload;
        std::string drop;
    };
    const Row rows[] = {
        {"nothing", {}, "truncated"},
        {"three bytes", {2, 4, 0}, "truncated"},
        {"without the private data", {2, 4, 0, 0}, "truncated"},
        {"private data cut", {2, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0}, "truncated"},
        {"the longest header, cut", Bytes{0x1f, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "truncated"},
        {"variant 1 (an IP packet)", {0x45, 0, 0, 40, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"variant 2", {0x82, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"a flag", {2, 4, 0x80, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"another flag", {2, 4, 0, 1, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"a flag in a keepalive", {0x20, 0, 0, 1}, "bad_tunnel"},
        {"a control type that nobody knows", {0x20, 255, 0, 0}, "bad_tunnel"},
        {"no private data", {0, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"too much private data", {3, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"carries TCP", {2, 6, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"carries nothing (59)", {2, 59, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"private version 0", {2, 4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"private version 2", {2, 4, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"kind 6", {2, 4, 0, 0, 1, 6, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"kind 255", {2, 4, 0, 0, 1, 255, 3, 0, 0, 0, 0, 0}, "bad_tunnel"},
        {"crossed 2", {2, 4, 0, 0, 1, 0, 3, 2, 0, 0, 0, 0}, "bad_tunnel"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(decoded(row.payload) == row.drop);
    }
}

TEST_CASE("what is put into the tunnel comes out as it was") {
    for (const bool outer_v6 : {false, true}) {
        for (const bool inner_v6 : {false, true}) {
            INFO("outer IPv6 ", outer_v6, ", inner IPv6 ", inner_v6);
            Say say{inner_v6 ? end("[2001:db8::1]:4") : end("192.0.2.1:4"),
                    inner_v6 ? end("[2001:db8::2]:5") : end("198.51.100.10:5")};
            say.payload = "odd";
            Bytes padded = make_frame(say);
            padded.resize(padded.size() + 7);
            Buffer buffer(padded);
            const auto& ends = outer_v6 ? v6_ends : v4_ends;
            const Gue gue{Gue::Kind::reply, 2, true, 0x01020304};
            REQUIRE(encapsulate(buffer.frame, buffer.packet(), gue, ends));

            const Packet outer = buffer.packet();
            CHECK(text(outer) == ends.local.text() + ":" + std::to_string(ends.source_port) +
                                     " > " + ends.peer.text() + ":6080 udp");
            CHECK(wrong_checksum(buffer.ip_packet()) == "");
            CHECK(outer.end == buffer.frame.length);  // the padding stayed behind
            const Bytes ip_packet = buffer.ip_packet();
            const size_t headers = outer_v6 ? 40 : 20;
            const Bytes payload(ip_packet.begin() + static_cast<long>(headers) + 8,
                                ip_packet.end());
            CHECK(decoded(payload) == "reply hops 2 crossed carrier 16909060 at 12");
            CHECK(payload[1] == (inner_v6 ? 41 : 4));
            CHECK(Bytes(payload.begin() + 12, payload.end()) == make_ip(say));
            CHECK(ip_packet.size() == make_ip(say).size() + tunnel_bytes(ends.local.family));
        }
    }
}

TEST_CASE("what does not fit into the tunnel is refused, unchanged") {
    const Say say{end("192.0.2.1:4"), end("198.51.100.10:5")};
    for (const uint32_t room : {0U, 39U}) {
        Buffer buffer(make_frame(say), room);
        const auto done = encapsulate(buffer.frame, buffer.packet(), {}, v4_ends);
        REQUIRE_FALSE(done);
        CHECK(done.error() == Drop::too_big);
        CHECK(buffer.ip_packet() == make_ip(say));
    }
    Buffer exact(make_frame(say), 40);
    CHECK(encapsulate(exact.frame, exact.packet(), {}, v4_ends));

    // A packet with which the outer length would wrap around.
    Say longest = say;
    longest.payload.assign(65535 - 40, 'x');
    Buffer huge(make_frame(longest));
    CHECK_FALSE(encapsulate(huge.frame, huge.packet(), {}, v4_ends));
    longest.payload.resize(65535 - 40 - tunnel_bytes(Family::v4));
    Buffer fits(make_frame(longest));
    CHECK(encapsulate(fits.frame, fits.packet(), {}, v4_ends));
    CHECK(fits.packet().end == 14 + 65535);
}

TEST_CASE("a keepalive's packet") {
    const Bytes content{1, 2, 3};
    for (const auto& ends : {v4_ends, v6_ends}) {
        Bytes out(100);
        const uint32_t length = make_control_packet(out, Gue::Control::keepalive, content, ends);
        const uint32_t headers = ends.local.family == Family::v4 ? 20 : 40;
        REQUIRE(length == headers + 8 + 4 + 3);
        out.resize(length);
        CHECK(wrong_checksum(out) == "");
        CHECK(Bytes(out.begin() + headers + 8, out.end()) == Bytes{0x20, 0, 0, 0, 1, 2, 3});
        Bytes small(length - 1);
        CHECK(make_control_packet(small, Gue::Control::keepalive, content, ends) == 0);
    }
}

TEST_CASE("carriers have ids that are never 0 and differ") {
    CHECK(carrier_id("") != 0);
    CHECK(carrier_id("red") != carrier_id("green"));
    CHECK(carrier_id("red") == carrier_id("red"));
}
