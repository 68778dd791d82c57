#include "vipd/packet/ecn.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

Ecn ecn_of(const uint8_t* ip, Family family) {
    return static_cast<Ecn>((family == Family::v4 ? ip[1] : ip[1] >> 4) & 3);
}

void set_ecn(uint8_t* ip, Family family, Ecn ecn) {
    const auto bits = static_cast<unsigned>(ecn);
    if (family == Family::v6) {
        ip[1] = static_cast<uint8_t>((ip[1] & ~0x30U) | bits << 4);
        return;
    }
    Delta delta;
    const uint16_t before = load16(ip);
    ip[1] = static_cast<uint8_t>((ip[1] & ~3U) | bits);
    delta.replace16(before, load16(ip));
    store16(ip + 10, delta.apply(load16(ip + 10)));
}

std::optional<Ecn> ecn_out_of_tunnel(Ecn inner, Ecn outer) {
    if (inner == Ecn::not_ect) {
        return outer == Ecn::ce ? std::nullopt : std::optional(Ecn::not_ect);
    }
    if (inner == Ecn::ce || outer == Ecn::ce) {
        return Ecn::ce;
    }
    return outer == Ecn::ect1 ? Ecn::ect1 : inner;
}

}  // namespace rehome::vipd
