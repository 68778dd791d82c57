#include "vipd/packet/flow_copy.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/vipd/packets.h"

namespace rehome::vipd::testing {

namespace {

Bytes copy_packet(const Endpoint& client, const Endpoint& vip, const FlowCopy& copy) {
    Bytes bytes(flow_copy_bytes_most);
    bytes.resize(make_flow_copy(bytes, client, vip, copy));
    return bytes;
}

std::optional<FlowCopy> read(const Bytes& ip) {
    const auto packet = parse_packet(ip, 0);
    return packet ? read_flow_copy(ip, *packet) : std::nullopt;
}

}  // namespace

TEST_CASE("copies come back as they went, in packets that are right") {
    const std::pair<Endpoint, Endpoint> ends[] = {
        {end("100.80.0.1:40000"), end("198.51.100.10:862")},
        {end("[2001:db8:c::1]:1"), end("[2001:db8:f::10]:65535")},
    };
    for (const auto& [client, vip] : ends) {
        for (const FlowCopy& copy : {FlowCopy{true, 0}, {true, UINT32_MAX}, {false, 119'999}}) {
            const Bytes ip = copy_packet(client, vip, copy);
            CHECK(wrong_checksum(ip).empty());
            CHECK(read(ip) == copy);
            const auto packet = parse_packet(ip, 0);
            REQUIRE(packet);
            CHECK(Endpoint{packet->source, packet->source_port} == client);
            CHECK(Endpoint{packet->destination, packet->destination_port} == vip);
        }
    }
}

TEST_CASE("copies that are refused") {
    struct Row {
        std::string what;
        std::function<void(Bytes&)> spoil;
    };
    constexpr size_t said = 28;  // behind IPv4's and UDP's headers
    const Row rows[] = {
        {"version 0", [](Bytes& b) { b[said] = 0; }},
        {"version 2", [](Bytes& b) { b[said] = 2; }},
        {"neither there nor gone", [](Bytes& b) { b[said + 1] = 2; }},
        {"TCP", [](Bytes& b) { b[9] = 6; }},
        {"a first fragment", [](Bytes& b) { b[6] = 0x20; }},
        {"a later fragment", [](Bytes& b) { b[7] = 1; }},
        {"a byte too short",
         [](Bytes& b) {
             b.pop_back();
             --b[3];
             --b[25];
         }},
        {"without anything said",
         [](Bytes& b) {
             b.resize(said);
             b[3] = said;
             b[25] = 8;
         }},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Bytes ip = copy_packet(end("100.80.0.1:40000"), end("198.51.100.10:862"), {});
        row.spoil(ip);
        CHECK_FALSE(read(ip));
    }
    Bytes longer = copy_packet(end("100.80.0.1:40000"), end("198.51.100.10:862"), {true, 7});
    longer.insert(longer.end(), {1, 2, 3, 4});
    longer[3] += 4;
    longer[25] += 4;
    CHECK(read(longer) == FlowCopy{true, 7});  // what a later version says beyond
}

}  // namespace rehome::vipd::testing
