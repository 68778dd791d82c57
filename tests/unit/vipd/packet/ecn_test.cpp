// ECN out of tunnels: RFC 6040's figure 4, and the fields of both families.
#include "vipd/packet/ecn.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/gue.h"

namespace rehome::vipd::testing {

TEST_CASE("what comes out of a tunnel") {
    constexpr auto n = Ecn::not_ect, zero = Ecn::ect0, one = Ecn::ect1, ce = Ecn::ce;
    struct Row {
        Ecn inner, outer;
        std::optional<Ecn> out;
    };
    const Row rows[] = {
        {n, n, n},       {n, zero, n},       {n, one, n},      {n, ce, std::nullopt},
        {zero, n, zero}, {zero, zero, zero}, {zero, one, one}, {zero, ce, ce},
        {one, n, one},   {one, zero, one},   {one, one, one},  {one, ce, ce},
        {ce, n, ce},     {ce, zero, ce},     {ce, one, ce},    {ce, ce, ce},
    };
    for (const Row& row : rows) {
        CAPTURE(static_cast<int>(row.inner));
        CAPTURE(static_cast<int>(row.outer));
        CHECK(ecn_out_of_tunnel(row.inner, row.outer) == row.out);
    }
}

TEST_CASE("the field is set and nothing else, and what goes in has it outside where asked for") {
    for (const char* from : {"192.0.2.1:5", "[2001:db8::1]:5"}) {
        const bool v4 = from[0] == '1';
        const Family family = v4 ? Family::v4 : Family::v6;
        const Endpoint to = end(v4 ? "198.51.100.7:6" : "[2001:db8:1::7]:6");
        for (const Ecn ecn : {Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce}) {
            Bytes frame = make_frame({end(from), to});
            const Bytes before = frame;
            set_ecn(&frame[14], family, ecn);
            CHECK(ecn_of(&frame[14], family) == ecn);
            CHECK(wrong_checksum(Bytes(frame.begin() + 14, frame.end())).empty());
            for (const bool copies : {false, true}) {
                Buffer buffer(frame);
                const Packet inner = *parse_packet(buffer.frame.bytes(), 14);
                REQUIRE(encapsulate(buffer.frame, inner, {},
                                    {ip("10.99.0.1"), ip("10.99.0.2"), 1, copies}));
                CHECK(ecn_of(buffer.frame.data + 14, Family::v4) == (copies ? ecn : Ecn::not_ect));
                CHECK(wrong_checksum(buffer.ip_packet()).empty());
            }
            set_ecn(&frame[14], family, Ecn::not_ect);
            CHECK(frame == before);
        }
    }
}

}  // namespace rehome::vipd::testing
