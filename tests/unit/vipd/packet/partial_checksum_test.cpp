// Checksums that a kernel has left to a device, and segments that it has left to cut.
#include "vipd/packet/partial_checksum.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd::testing {

namespace {

// As Linux leaves it: the folded sum of the pseudo header.
Bytes left(Bytes frame) {
    const Packet packet = *parse_packet(frame, link_of(frame));
    const uint64_t sum = sum_words(packet.source.data()) + sum_words(packet.destination.data()) +
                         packet.protocol + (packet.end - packet.l4);
    store16(&frame[packet.l4 + (packet.protocol == 6 ? 16 : 6)],
            static_cast<uint16_t>(~fold_checksum(sum)));
    return frame;
}

Say say(uint8_t protocol, bool v6, size_t payload) {
    Say s{v6 ? end("[2001:db8::1]:40000") : end("192.0.2.1:40000"),
          v6 ? end("[2001:db8::2]:1883") : end("198.51.100.10:1883"), protocol};
    s.payload = std::string(payload, 'x');
    return s;
}

}  // namespace

TEST_CASE("a checksum that was left to the device becomes the whole one, whatever carries it") {
    for (const uint8_t protocol : {uint8_t{6}, uint8_t{17}}) {
        for (const bool v6 : {false, true}) {
            for (const size_t payload : {0, 1, 2, 7, 512}) {
                CAPTURE(protocol);
                CAPTURE(v6);
                CAPTURE(payload);
                const Bytes whole = make_frame(say(protocol, v6, payload));
                Bytes frame = left(whole);
                REQUIRE(frame != whole);
                CHECK(finish(frame, 1500) == LeftToDevice::checksum);
                CHECK(frame == whole);
                CHECK(finish(frame, 1500) == LeftToDevice::nothing);
                CHECK(frame == whole);
            }
        }
    }
}

TEST_CASE("what is damaged otherwise stays so, and what is none of it is left alone") {
    Bytes damaged = make_frame(say(6, false, 10));
    damaged.back() ^= 1;
    const Bytes none = [] {
        Bytes frame = make_frame(say(17, false, 10));
        const Packet packet = *parse_packet(frame, link_of(frame));
        store16(&frame[packet.l4 + 6], 0);  // UDP without a checksum
        return frame;
    }();
    const Bytes arp = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4};
    for (const Bytes& before : {damaged, none, arp, Bytes{1, 2, 3}, Bytes{}}) {
        Bytes frame = before;
        CHECK(finish(frame, 1500) == LeftToDevice::nothing);
        CHECK(frame == before);
    }
}

TEST_CASE("any byte may be cut off") {
    const Bytes whole = left(make_frame(say(6, true, 20)));
    for (size_t size = 0; size < whole.size(); ++size) {
        Bytes frame(whole.begin(), whole.begin() + static_cast<long>(size));
        frame.shrink_to_fit();
        finish(frame, 1500);
    }
}

TEST_CASE("a segment beyond the MTU was left to the device to cut; a datagram was put together") {
    Bytes segment = make_frame(say(6, false, 2000)), datagram = make_frame(say(17, false, 2000));
    CHECK(finish(segment, 1500) == LeftToDevice::cutting);
    CHECK(finish(datagram, 1500) == LeftToDevice::nothing);
    segment.resize(1600);  // the ring has no room for the rest
    CHECK(finish(segment, 1500) == LeftToDevice::cutting);
}

}  // namespace rehome::vipd::testing
