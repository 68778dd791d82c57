// Ways out: usable from the first packet on where the neighbour is known, and by VLAN.
#include <doctest/doctest.h>

#include <array>

#include "vipd/packet/bytes.h"
#include "vipd/route/adjacency.h"

namespace rehome::vipd {

namespace {

const Address server = Address::parse("10.1.0.2").value();
constexpr Mac own{2, 0, 0, 0, 0, 1};
constexpr Mac one{2, 0, 0, 0, 0, 2};
constexpr Mac other{2, 0, 0, 0, 0, 3};

std::shared_ptr<const Neighbours> known(std::initializer_list<std::pair<Hop, Neighbour>> list) {
    auto neighbours = std::make_shared<Neighbours>();
    for (const auto& [hop, neighbour] : list) {
        neighbours->set(hop, neighbour);
    }
    return neighbours;
}

Mac destination(const Adjacency& adjacency) {
    Mac mac;
    std::copy_n(adjacency.macs.begin(), mac.size(), mac.begin());
    return mac;
}

}  // namespace

TEST_CASE("an adjacency is usable exactly while its neighbour is") {
    const Hop hop{0, server, 100};
    const Hop elsewhere{0, server, 200};
    struct Row {
        const char* what;
        std::shared_ptr<const Neighbours> neighbours;
        bool usable;
    };
    const Row rows[] = {
        {"known", known({{hop, {one, true}}}), true},
        {"being resolved", known({{hop, {one, false}}}), false},
        {"in another VLAN", known({{elsewhere, {one, true}}}), false},
        {"in another VLAN too", known({{elsewhere, {other, true}}, {hop, {one, true}}}), true},
        {"unknown", known({}), false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        // Made before the neighbours come, and, as a packet's first use does, after them.
        for (const bool before : {true, false}) {
            CAPTURE(before);
            Adjacencies adjacencies({{own, 1500}});
            const uint32_t early = before ? adjacencies.find(hop) : Adjacencies::none;
            adjacencies.update(row.neighbours);
            const uint32_t number = adjacencies.find(hop);
            CHECK((!before || number == early));
            CHECK(adjacencies[number].usable == row.usable);
            if (row.usable) {
                CHECK(destination(adjacencies[number]) == one);
            }
            adjacencies.update(known({{hop, {other, true}}}));
            CHECK(adjacencies[number].usable);
            CHECK(destination(adjacencies[number]) == other);
            adjacencies.update(known({}));
            CHECK_FALSE(adjacencies[number].usable);
        }
    }
}

TEST_CASE("an adjacency's header has its VLAN's tag") {
    for (const uint16_t vlan : {uint16_t{0}, uint16_t{100}, uint16_t{4094}}) {
        for (const uint32_t tag_before : {0U, vlan_tag_bytes}) {
            CAPTURE(vlan);
            CAPTURE(tag_before);
            Adjacencies adjacencies({{own, 1500}});
            const Hop hop{0, server, vlan};
            adjacencies.update(known({{hop, {one, true}}}));
            std::array<uint8_t, 128> room{};
            const uint32_t ip = ethernet_bytes + tag_before;
            Frame frame{room.data() + 32, ip + 20, 32, 40};
            frame.data[ip] = 0x45;
            write_link_header(frame, ip, adjacencies[adjacencies.find(hop)]);
            const Link link = link_of(frame.bytes());
            CHECK(link.vlan == vlan);
            CHECK(link.ethertype == ethertype_v4);
            CHECK(link.header_bytes == ethernet_bytes + (vlan == 0 ? 0 : vlan_tag_bytes));
            CHECK(frame.length == link.header_bytes + 20);
            CHECK(frame.data[link.header_bytes] == 0x45);
            CHECK(std::equal(one.begin(), one.end(), frame.data));
            CHECK(std::equal(own.begin(), own.end(), frame.data + 6));
        }
    }
}

}  // namespace rehome::vipd
