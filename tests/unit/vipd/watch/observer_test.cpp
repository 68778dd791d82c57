// Who looks on: what the busiest are counted by, whichever way a packet goes.
#include "vipd/watch/observer.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/packet_text.h"

namespace rehome::vipd::testing {

namespace {

Bytes frame_by(const std::string& text) {
    const auto packet = parse_packet_text(text);
    REQUIRE_MESSAGE(packet, packet.error().text());
    return frame_of(*packet);
}

std::string first_of(const SpaceSaving<Address>& sketch) {
    return sketch.entries().empty() ? "-" : sketch.entries()[0].key.text();
}

std::string first_of(const SpaceSaving<TopEnd>& sketch) {
    return sketch.entries().empty() ? "-" : sketch.entries()[0].key.end.text();
}

}  // namespace

TEST_CASE("client, VIP and server of a packet, by where it came in and went out") {
    const auto tables = Tables::build(lab_config("old", {"old", "new"}));
    const std::string client = "100.80.0.1:40000", vip = "198.51.100.10:1883",
                      server = "10.1.1.11:1883";
    const std::string inner = "tcp " + client + " > " + vip + " ack";
    const std::string reply = "tcp " + vip + " > " + client + " ack";
    const auto gue = [](const std::string& packet, const Gue& header) {
        return tunnelled(parse_packet_text(packet)->ip, header, ip("10.99.0.2"), ip("10.99.0.1"));
    };
    struct Row {
        std::string what;
        PortIndex port;
        Bytes in;
        Fate fate;
        Bytes out;
        std::string client, vip, server;
    };
    const auto forward = [](PortIndex port) {
        return Fate{Fate::Kind::forward, Drop::count_, port};
    };
    const std::string to_server = "tcp " + client + " > " + server + " ack";
    const std::string from_server = "tcp " + server + " > " + client + " ack";
    const Row rows[] = {
        {"to a server", red, frame_by(inner), forward(servers_port), frame_by(to_server),
         "100.80.0.1", vip, server},
        {"a reply", servers_port, frame_by(from_server), forward(red), frame_by(reply),
         "100.80.0.1", vip, server},
        {"a reply into the tunnel", servers_port, frame_by(from_server), forward(link_port),
         gue(reply, {Gue::Kind::reply, 3, true, 1}), "100.80.0.1", vip, server},
        {"dropped",
         red,
         frame_by(inner),
         {Fate::Kind::drop, Drop::no_server, 0},
         frame_by(inner),
         "100.80.0.1",
         vip,
         "-"},
        {"relayed", red, frame_by(inner), forward(link_port), gue(inner, {}), "100.80.0.1", vip,
         "-"},
        {"relayed by a peer", link_port, gue(inner, {}), forward(servers_port), frame_by(to_server),
         "100.80.0.1", vip, server},
        {"a peer's reply", link_port, gue(reply, {Gue::Kind::reply, 3, true, 1}), forward(red),
         frame_by(reply), "100.80.0.1", vip, "-"},
        {"for the kernel",
         red,
         frame_by("tcp 100.64.1.1:179 > 100.64.1.2:4000 ack"),
         {Fate::Kind::punt, Drop::count_, 0},
         frame_by("tcp 100.64.1.1:179 > 100.64.1.2:4000 ack"),
         "-",
         "-",
         "-"},
        {"no packet at all",
         red,
         Bytes(20),
         {Fate::Kind::drop, Drop::truncated, 0},
         Bytes(20),
         "-",
         "-",
         "-"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto top = std::make_shared<Top>(1, 16);
        Observer observer(nullptr, top);
        for (uint32_t i = 0; i < 10 * Top::one_in; ++i) {
            observer.before(i % 64, row.port, row.in, 0, *tables);
            observer.after(i % 64, row.fate, row.out, *tables);
        }
        CHECK(first_of(top->clients()) == row.client);
        CHECK(first_of(top->vips()) == row.vip);
        CHECK(first_of(top->servers()) == row.server);
        CHECK(top->clients().entries().size() <= 1);
        if (row.client != "-") {
            const auto& entry = top->clients().entries()[0];
            CHECK(entry.count >= 5);
            CHECK(entry.bytes == entry.count * row.in.size());
        }
    }
}

}  // namespace rehome::vipd::testing
