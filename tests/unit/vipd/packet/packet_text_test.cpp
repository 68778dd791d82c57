// The packet language: what texts mean, that printing is the exact inverse, what mistakes are told.
#include "vipd/packet/packet_text.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

Bytes bytes_of(std::string_view text) {
    const auto packet = parse_packet_text(text);
    REQUIRE_MESSAGE(packet, packet.error().text());
    return packet->ip;
}

std::string hex(const Bytes& bytes) {
    std::string out;
    for (const uint8_t byte : bytes) {
        out += fmt::format("{:02x}", byte);
    }
    return out;
}

const std::string v4 = "198.51.100.7:40000 > 203.0.113.5:14000";
const std::string v6 = "[2001:db8::1]:5 > [2001:db8:1::9]:53";

}  // namespace

TEST_CASE("a packet's text means these bytes") {
    struct Row {
        std::string text;
        std::string hex;
    };
    const Row rows[] = {
        // the bytes are scapy's
        {"tcp " + v4 + " syn",
         "450000280000000040061490c6336407cb0071059c4036b000000000000000005002ffff76b10000"},
        {"udp 192.0.2.1:1 > 192.0.2.2:2 len 3 sum 0 df id 7 ttl 9",
         "4500001f000740000911edc3c0000201c000020200010002000b0000000102"},
        {"icmp 192.0.2.1 > 192.0.2.2 echo ident 0x1234 seq 2 len 1",
         "4500001d000000004001f6dcc0000201c00002020800e5c91234000200"},
        {"icmp 2001:db8::1 > 2001:db8::2 echo ident 7 seq 1 len 9",
         "6000000000113a4020010db800000000000000000000000120010db8000000000000000000000002"
         "8000102700070001000102030405060708"},
        {"proto 47 192.0.2.1 > 192.0.2.2 data 0000ff len 4",
         "4500001800000000402ff6b3c0000201c00002020000ff03"},
        {"udp 192.0.2.1 > 192.0.2.2 frag 1480+ id 9 len 8",
         "4500001c000920b94011d60bc0000201c00002020001020304050607"},
        {"udp 192.0.2.1 > 192.0.2.2 frag 1480+ id 9 len 8 start 254",
         "4500001c000920b94011d60bc0000201c0000202feff000102030405"},
        {"udp [2001:db8::1]:5 > [2001:db8::2]:53 frag 0+ id 9",
         "6000000000102c4020010db800000000000000000000000120010db8000000000000000000000002"
         "1100000100000009000500350008a42f"},
        {"proto 59 2001:db8::1 > 2001:db8::2 ext 0 ext 60 flow 5 tos 0xb8 ttl 1",
         "6b80000500100001"
         "20010db800000000000000000000000120010db8000000000000000000000002"
         "3c000104000000003b00010400000000"},
        {"raw 45ff", "45ff"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(hex(bytes_of(row.text)) == row.hex);
    }
}

TEST_CASE("the canonical text of a packet") {
    struct Row {
        std::string text;
        std::string canonical;  // empty: the text is canonical
    };
    const Row rows[] = {
        {"tcp " + v4 + " syn", ""},
        {"tcp " + v4 + " syn ack 77 seq 5 window 1000 mss 1460 tcp-options 01030307", ""},
        {"  tcp\n" + v4 + "\tseq 5 ack syn", "tcp " + v4 + " syn ack seq 5"},
        {"tcp " + v4 + " rst acknum 9", ""},
        {"tcp " + v4 + " ack 5 psh len 10 ttl 3 df id 9",
         "tcp " + v4 + " ack 5 psh ttl 3 id 9 df len 10"},
        {"tcp " + v4 + " ack fin urg urgent 7 ece cwr",
         "tcp " + v4 + " ack fin urg ece cwr urgent 7"},
        {"tcp " + v4, ""},
        {"udp " + v6 + " len 512", ""},
        {"udp " + v4 + " sum 0", ""},
        {"udp " + v4 + " len 0", "udp " + v4},
        {"udp " + v4 + " data 000102ff len 4", "udp " + v4 + " data 000102ff"},
        {"udp " + v4 + " data 000102 len 9", "udp " + v4 + " len 9"},
        {"udp " + v4 + " len 8 udp-length 9", ""},
        {"udp " + v4 + " len 1472 id 5 frag 0+", "udp " + v4 + " id 5 frag 0+ len 1472"},
        {"udp 192.0.2.1 > 192.0.2.2 id 5 frag 1480 len 9", ""},
        {"tcp 2001:db8::1 > 2001:db8::2 id 70000 frag 1448+ len 8", ""},
        {"udp " + v6 + " id 70000 frag 0+ ext 43 len 8", ""},
        {"udp " + v6 + " tos 255 flow 1048575 ext 60:010203040506", ""},
        {"icmp 192.0.2.1 > 192.0.2.2 echo ident 1 seq 2", ""},
        {"icmp 2001:db8::1 > 2001:db8::2 echo-reply ident 65535 len 1000", ""},
        {"icmp 192.0.2.1 > 192.0.2.2 type 8 code 0", "icmp 192.0.2.1 > 192.0.2.2 echo"},
        {"icmp 192.0.2.1 > 192.0.2.2 type 13 code 2 rest 99", ""},
        {"icmp 192.0.2.1 > 192.0.2.2 unreachable code 1", ""},
        {"icmp 192.0.2.1 > 192.0.2.2 code 1 unreachable",
         "icmp 192.0.2.1 > 192.0.2.2 unreachable code 1"},
        {"icmp 192.0.2.1 > 198.51.100.7 too-big 1400 quote (udp " + v4 + " len 1472 df)",
         "icmp 192.0.2.1 > 198.51.100.7 too-big 1400 quote (udp " + v4 + " df len 1472)"},
        {"icmp 192.0.2.1 > 198.51.100.7 time-exceeded quote (tcp " + v4 +
             " seq 9 ttl 1 len 100 cut 28)",
         "icmp 192.0.2.1 > 198.51.100.7 time-exceeded quote (tcp " + v4 +
             " seq 9 ttl 1 len 100 cut 28)"},
        {"icmp 2001:db8::1 > 2001:db8::2 too-big 1280 quote (udp " + v6 + " len 4 cut 50)", ""},
        {"icmp 192.0.2.1 > 192.0.2.2 parameter-problem rest 0x14000000",
         "icmp 192.0.2.1 > 192.0.2.2 parameter-problem rest 335544320"},
        {"proto 4 192.0.2.1 > 192.0.2.2 carrying (tcp " + v4 + " syn)", ""},
        {"proto 41 192.0.2.1 > 192.0.2.2 carrying (udp " + v6 + " len 7)", ""},
        {"udp 10.0.0.1:50000 > 10.0.0.2:6080 len 4 data 0004 carrying (tcp " + v4 + " syn)",
         "udp 10.0.0.1:50000 > 10.0.0.2:6080 len 4 data 0004 carrying (tcp " + v4 + " syn)"},
        {"proto 6 198.51.100.7:40000 > 203.0.113.5:14000 syn", "tcp " + v4 + " syn"},
        {"proto 132 2001:db8::1 > 2001:db8::2 len 9", ""},
        {"udp " + v4 + " options 01010101", ""},
        {"udp " + v4 + " total 20", ""},
        {"udp " + v4 + " len 40 ip-sum 7 sum 9", "udp " + v4 + " len 40 sum 9 ip-sum 7"},
        {"udp " + v4 + " vlan 100", ""},
        {"proto 47 192.0.2.1 > 192.0.2.2 data 0708090a",
         "proto 47 192.0.2.1 > 192.0.2.2 len 4 start 7"},
        {"raw 4500 vlan 7", ""},
        {"raw", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto packet = parse_packet_text(row.text);
        REQUIRE_MESSAGE(packet, packet.error().text());
        const std::string& expected = row.canonical.empty() ? row.text : row.canonical;
        CHECK(packet_text(packet->ip, packet->vlan) == expected);
        CHECK(bytes_of(expected) == packet->ip);
        const bool sums_said = row.text.find("sum") != std::string::npos;
        const bool whole = row.text.find("raw") != 0 &&
                           row.text.find("udp-length") == std::string::npos &&
                           row.text.find("total") == std::string::npos &&
                           row.text.find("frag") == std::string::npos;
        if (whole && !sums_said && row.text.find(" ext ") == std::string::npos) {
            CHECK(wrong_checksum(packet->ip) == "");
        }
    }
}

TEST_CASE("whatever the bytes, their text gives them back") {
    const std::string seeds[] = {
        "tcp " + v4 + " syn mss 1460 tcp-options 0402080a0000000000000000",
        "udp " + v6 + " ext 0 ext 43 id 9 frag 0+ len 60",
        "icmp 192.0.2.1 > 198.51.100.7 unreachable quote (udp " + v4 + " len 100 cut 60)",
        "icmp 2001:db8::1 > 2001:db8::2 time-exceeded quote (tcp " + v6 + " ack len 9)",
        "udp 10.0.0.1:50000 > 10.0.0.2:6080 data 00040000 carrying (proto 4 192.0.2.1 > 192.0.2.2 "
        "carrying (icmp 192.0.2.1 > 192.0.2.2 echo len 9))",
    };
    const uint64_t seed = 20250611;
    CAPTURE(seed);
    Random random(seed);
    size_t said = 0, rounds = 0;
    for (const auto& text : seeds) {
        const Bytes packet = bytes_of(text);
        for (int i = 0; i < 3000; ++i, ++rounds) {
            Bytes changed = packet;
            for (uint32_t k = random.below(3); k > 0; --k) {
                changed[random.below(static_cast<uint32_t>(changed.size()))] =
                    static_cast<uint8_t>(random.below(256));
            }
            if (random.chance(30)) {
                changed.resize(random.below(static_cast<uint32_t>(changed.size()) + 8));
            }
            const std::string printed = packet_text(changed);
            const auto back = parse_packet_text(printed);
            REQUIRE_MESSAGE(back, printed << ": " << back.error().text());
            REQUIRE_MESSAGE(back->ip == changed, printed << " of " << hex(changed));
            said += printed.starts_with("raw") ? 0 : 1;
        }
    }
    CHECK(said * 2 > rounds);  // raw is the exception
}

TEST_CASE("a mistake is told with its place and what was expected") {
    struct Row {
        std::string text;
        std::string error;  // how it goes on behind "packet: column "
    };
    const Row rows[] = {
        {"", "1: the text ends here, expected tcp, udp, icmp, proto N or raw HEX"},
        {"sctp " + v4, "1: \"sctp\", expected tcp, udp, icmp, proto N or raw HEX"},
        {"tcp nowhere > 203.0.113.5:1", "5: \"nowhere\", expected an end such as 192.0.2.1:80"},
        {"tcp 192.0.2.1:1 203.0.113.5:1", "17: \"203.0.113.5:1\", expected > and the destination"},
        {"tcp 192.0.2.1:1 > 203.0.113.5", "19: \"203.0.113.5\", expected ports at both ends"},
        {"tcp 192.0.2.1:1 > [2001:db8::1]:1",
         "19: \"[2001:db8::1]:1\", expected an address of the"},
        {"tcp 192.0.2.1 > 203.0.113.5", "1: \"tcp\", expected ports at both ends"},
        {"icmp 192.0.2.1:1 > 203.0.113.5:1 echo", "1: \"icmp\", expected no ports"},
        {"udp " + v4 + " frag 8", "1: \"udp\", expected no ports: a fragment"},
        {"tcp " + v4 + " sin", "44: \"sin\", expected one of: syn fin rst psh urg ece cwr ack seq"},
        {"udp " + v4 + " syn", "44: \"syn\", expected one of: udp-length ttl"},
        {"tcp " + v4 + " ttl 256", "48: \"256\", expected a number from 0 to 255"},
        {"tcp " + v4 + " ttl", "47: the text ends here, expected a number from 0 to 255"},
        {"tcp " + v4 + " frag 7", "49: \"7\", expected an offset in bytes, a multiple of 8"},
        {"tcp " + v4 + " data 0", "49: \"0\", expected pairs of hexadecimal digits"},
        {"tcp " + v4 + " options 00",
         "52: \"00\", expected pairs of hexadecimal digits, at most 40 "
         "bytes, a multiple of 4"},
        {"tcp " + v4 + " flow 1", "44: \"flow\", expected one of:"},
        {"udp " + v6 + " df", "42: \"df\", expected one of:"},
        {"udp " + v6 + " id 7", "1: \"udp\", expected no id"},
        {"udp " + v6 + " ext 51", "46: \"51\", expected 0, 43 or 60"},
        {"udp " + v4 + " len 65535", "1: \"udp\", expected a packet of at most 65,535 bytes"},
        {"udp " + v4 + " data 0011 len 1", "1: \"udp\", expected a len that covers the data"},
        {"icmp 192.0.2.1 > 192.0.2.2", "1: \"icmp\", expected a kind: echo"},
        {"icmp 192.0.2.1 > 192.0.2.2 too-big quote", "36: \"quote\", expected a number"},
        {"icmp 192.0.2.1 > 192.0.2.2 echo quote tcp", "39: \"tcp\", expected a packet in parenth"},
        {"icmp 192.0.2.1 > 192.0.2.2 echo quote (tcp " + v4 + " ack",
         "86: the text ends here, exp"},
        {"icmp 192.0.2.1 > 192.0.2.2 echo )", "33: \")\", expected the end of the packet"},
        {"raw 123", "5: \"123\", expected pairs of hexadecimal digits"},
        {"raw 12 34", "8: \"34\", expected the end of the packet"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto packet = parse_packet_text(row.text);
        REQUIRE(!packet);
        CHECK(packet.error().kind == Exit::usage);
        const std::string expected = "packet: column " + row.error;
        CHECK(packet.error().text().substr(0, expected.size()) == expected);
    }
}

TEST_CASE("a frame has its tag and its EtherType") {
    const auto tagged = frame_of(*parse_packet_text("udp " + v6 + " vlan 100"));
    CHECK(load16(&tagged[12]) == 0x8100);
    CHECK(load16(&tagged[14]) == 100);
    CHECK(load16(&tagged[16]) == ethertype_v6);
    const auto plain = frame_of(*parse_packet_text("tcp " + v4 + " syn"));
    CHECK(load16(&plain[12]) == ethertype_v4);
    CHECK(parse_packet(plain, ethernet_bytes));
}
