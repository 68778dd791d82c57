// IPv4 fragmentation: the pieces fit, and make the packet again.
#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"

namespace rehome::vipd::testing {

namespace {

Bytes packet(size_t payload, uint16_t field = 0, uint32_t option_bytes = 0) {
    Say say{end("192.0.2.1:1"), end("198.51.100.10:2"), 17};
    say.payload.resize(payload);
    for (size_t i = 0; i < payload; ++i) {
        say.payload[i] = static_cast<char>(i * 7);
    }
    say.fragment = field;
    say.option_bytes = option_bytes;
    return make_ip(say);
}

struct Cut {
    std::vector<Bytes> pieces;
    std::string error;
};

Cut cut(const Bytes& ip_packet, uint16_t mtu) {
    const Buffer buffer(ethernet(ip_packet), 0);
    Cut out;
    const auto count =
        fragment_v4(buffer.frame, buffer.packet(), mtu, [&](std::span<const uint8_t> piece) {
            out.pieces.emplace_back(piece.begin(), piece.end());
        });
    if (!count) {
        out.error = name(count.error());
    } else {
        CHECK(*count == out.pieces.size());
    }
    return out;
}

Bytes with_options(Bytes ip_packet, const Bytes& options) {
    std::copy(options.begin(), options.end(), ip_packet.begin() + 20);
    store16(&ip_packet[10], 0);
    store16(&ip_packet[10],
            sum(Bytes(ip_packet.begin(), ip_packet.begin() + (ip_packet[0] & 15) * 4)));
    return ip_packet;
}

}  // namespace

TEST_CASE("pieces fit, in order, and make the packet again") {
    for (const uint32_t options : {0U, 4U, 40U}) {
        for (const uint16_t mtu : std::initializer_list<uint16_t>{68, 576, 577, 583, 1400, 1500}) {
            for (const size_t payload : {0U, 41U, 600U, 1372U, 1473U, 9000U, 65'000U}) {
                INFO("options ", options, " mtu ", mtu, " payload ", payload);
                const Bytes whole = packet(payload, 0, options);
                const Cut out = cut(whole, mtu);
                REQUIRE(out.error == "");
                if (whole.size() <= mtu) {
                    CHECK(out.pieces == std::vector<Bytes>{whole});
                    continue;
                }
                uint32_t next = 0;
                for (const Bytes& piece : out.pieces) {
                    const auto parsed = parse_packet(piece, 0);
                    REQUIRE(parsed);
                    CHECK(piece.size() <= mtu);
                    CHECK(parsed->end == piece.size());
                    CHECK(parsed->fragment);
                    CHECK(parsed->fragment_offset == next);
                    CHECK(parsed->more_fragments == (&piece != &out.pieces.back()));
                    CHECK(parsed->fragment_id == 0x7701);
                    CHECK(sum(Bytes(piece.begin(), piece.begin() + parsed->l4)) == 0);
                    next += parsed->end - parsed->l4;
                }
                CHECK(joined(out.pieces) == whole);
                // No more pieces than needed: each but the last is as full as it can be.
                CHECK(out.pieces[0].size() + 8 > mtu);
            }
        }
    }
}

TEST_CASE("a fragment is cut into fragments of its datagram") {
    struct Row {
        uint16_t field;
        bool last_more;
    };
    for (const Row& row : {Row{0x2000, true}, {0x2064, true}, {0x0064, false}, {0xa064, true}}) {
        const Cut out = cut(packet(1400, row.field), 600);
        REQUIRE(out.pieces.size() == 3);
        uint32_t next = (row.field & 0x1fffU) * 8;
        for (const Bytes& piece : out.pieces) {
            const auto parsed = parse_packet(piece, 0);
            REQUIRE(parsed);
            CHECK(parsed->fragment_offset == next);
            CHECK(parsed->more_fragments == (&piece != &out.pieces.back() || row.last_more));
            CHECK((piece[6] & 0x80) == (row.field >> 8 & 0x80));
            next += parsed->end - parsed->l4;
        }
        CHECK(next == (row.field & 0x1fffU) * 8 + 1408);
    }
}

TEST_CASE("options: the first piece has all, the others those with the copy flag") {
    struct Row {
        std::string what;
        Bytes options, later;  // padded to words
        std::string error;
    };
    const Row rows[] = {
        {"record route is not copied", {7, 7, 4, 0, 0, 0, 0, 0}, {}, ""},
        {"router alert is", {148, 4, 0, 0, 1, 1, 1, 1}, {148, 4, 0, 0}, ""},
        {"one of each, padded", {7, 3, 4, 137, 3, 4, 0, 0}, {137, 3, 4, 0}, ""},
        {"behind the end", {0, 0, 0, 0, 148, 4, 0, 0}, {}, ""},
        {"no operation is not kept", {1, 148, 4, 0, 0, 1, 1, 1}, {148, 4, 0, 0}, ""},
        {"of length 1", {148, 1, 0, 0, 1, 1, 1, 1}, {}, "bad_header"},
        {"of length 0", {148, 0, 0, 0, 1, 1, 1, 1}, {}, "bad_header"},
        {"beyond the header", {1, 1, 1, 1, 1, 148, 4, 0}, {}, "bad_header"},
        {"without a length", {1, 1, 1, 1, 1, 1, 1, 148}, {}, "bad_header"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Bytes whole = with_options(packet(1400, 0, 8), row.options);
        const Cut out = cut(whole, 700);
        CHECK(out.error == row.error);
        if (!row.error.empty()) {
            CHECK(out.pieces.empty());
            continue;
        }
        REQUIRE(out.pieces.size() == 3);
        CHECK(std::equal(row.options.begin(), row.options.end(), out.pieces[0].begin() + 20));
        for (size_t i = 1; i < 3; ++i) {
            const auto header = static_cast<size_t>(out.pieces[i][0] & 15) * 4;
            CHECK(Bytes(out.pieces[i].begin() + 20,
                        out.pieces[i].begin() + static_cast<long>(header)) == row.later);
        }
        CHECK(joined(out.pieces) == whole);
    }
}

TEST_CASE("what cannot be fragmented") {
    Bytes wrong = packet(1400);
    wrong[10] ^= 1;
    CHECK(cut(wrong, 700).error == "bad_header");
    CHECK(cut(packet(100), 27).error == "too_big");
    CHECK(cut(packet(100, 0, 40), 67).error == "too_big");
    CHECK(cut(packet(100), 28).pieces.size() == 14);
    CHECK(cut(packet(100), 0).error == "too_big");

    struct Row {
        std::string what;
        Bytes packet;
        bool may;
    };
    for (const Row& row :
         {Row{"IPv4", packet(10), true},
          {"do not fragment", packet(10, 0x4000), false},
          {"a fragment", packet(8, 0x2001), true},
          {"IPv6", make_ip({end("[2001:db8::1]:1"), end("[2001:db8::2]:2"), 17}), false}}) {
        INFO(row.what);
        const Buffer buffer(ethernet(row.packet));
        CHECK(may_fragment(buffer.frame, buffer.packet()) == row.may);
    }
}

}  // namespace rehome::vipd::testing
