// Clamping the MSS of a SYN.
#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/mss.h"

namespace rehome::vipd::testing {

using namespace flag;

TEST_CASE("the MSS that a SYN offers") {
    struct Row {
        std::string what;
        uint8_t flags;
        Bytes options, clamped;  // to 1400; empty: left alone
    };
    const Row rows[] = {
        {"alone", S, {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x78}},
        {"of a SYN-ACK", S | A, {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x78}},
        {"the largest", S, {2, 4, 0xff, 0xff}, {2, 4, 0x05, 0x78}},
        {"one too large", S, {2, 4, 0x05, 0x79}, {2, 4, 0x05, 0x78}},
        {"small enough", S, {2, 4, 0x05, 0x78}, {}},
        {"smaller", S, {2, 4, 0x02, 0x18}, {}},
        {"no SYN", A, {2, 4, 0x05, 0xb4}, {}},
        {"no options", S, {}, {}},
        {"at an odd offset", S, {1, 2, 4, 0x05, 0xb4, 1, 1, 0}, {1, 2, 4, 0x05, 0x78, 1, 1, 0}},
        {"behind others",
         S,
         {3, 3, 7, 4, 2, 2, 4, 0x23, 0x28, 0, 0, 0},
         {3, 3, 7, 4, 2, 2, 4, 0x05, 0x78, 0, 0, 0}},
        {"twice", S, {2, 4, 0x05, 0xb4, 2, 4, 0x23, 0x28}, {2, 4, 0x05, 0x78, 2, 4, 0x05, 0x78}},
        {"at the end", S, {1, 1, 1, 1, 2, 4, 0x05, 0xb4}, {1, 1, 1, 1, 2, 4, 0x05, 0x78}},
        {"behind the end of options", S, {0, 0, 0, 0, 2, 4, 0x05, 0xb4}, {}},
        {"option of length 0", S, {8, 0, 1, 1, 2, 4, 0x05, 0xb4}, {}},
        {"option of length 1", S, {8, 1, 1, 1, 2, 4, 0x05, 0xb4}, {}},
        {"option beyond the header", S, {8, 9, 1, 1, 2, 4, 0x05, 0xb4}, {}},
        {"MSS beyond the header", S, {1, 1, 2, 4}, {}},
        {"MSS of another length",
         S,
         {2, 3, 0x05, 1, 2, 4, 0x05, 0xb4},
         {2, 3, 0x05, 1, 2, 4, 0x05, 0x78}},
        {"a kind without a length", S, {1, 1, 1, 2}, {}},
    };
    for (const Row& row : rows) {
        for (const bool v6 : {false, true}) {
            INFO(row.what, " v6 ", v6);
            Say say{v6 ? end("[2001:db8::1]:1") : end("192.0.2.1:1"),
                    v6 ? end("[2001:db8::2]:2") : end("192.0.2.2:2"), 6, row.flags};
            say.tcp_options = row.options;
            say.payload = "odd";
            Buffer buffer(make_frame(say), 0);
            CHECK(clamp_mss(buffer.frame, buffer.packet(), 1400) == !row.clamped.empty());
            if (!row.clamped.empty()) {
                say.tcp_options = row.clamped;
            }
            CHECK(buffer.ip_packet() == make_ip(say));
        }
    }
    Buffer udp(make_frame({end("192.0.2.1:1"), end("192.0.2.2:2"), 17}));
    CHECK_FALSE(clamp_mss(udp.frame, udp.packet(), 1));
}

TEST_CASE("random options are never followed outside the header") {
    Random random(31);
    for (int i = 0; i < 20'000; ++i) {
        Say say{end("192.0.2.1:1"), end("192.0.2.2:2"), 6, S};
        say.tcp_options = random.bytes(random.below(11) * 4);
        for (uint8_t& byte : say.tcp_options) {
            byte = static_cast<uint8_t>(random.chance(60) ? byte % 6 : byte);
        }
        Buffer buffer(make_frame(say), 0);
        const Bytes before = buffer.ip_packet();
        const bool lowered = clamp_mss(buffer.frame, buffer.packet(), 500);
        CHECK(wrong_checksum(buffer.ip_packet()) == "");
        CHECK(lowered == (buffer.ip_packet() != before));
    }
}

}  // namespace rehome::vipd::testing
