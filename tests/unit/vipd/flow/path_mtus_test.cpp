// What routers have told of the ways to servers: the least counts, for ten minutes, of so many.
#include "vipd/flow/path_mtus.h"

#include <doctest/doctest.h>

namespace rehome::vipd {

TEST_CASE("the least that was told holds for ten minutes") {
    PathMtus mtus;
    constexpr Micros now = 7'000'000;
    CHECK(mtus.to(Address::v4(1), 1500) == 1500);
    CHECK(mtus.least() == UINT16_MAX);
    mtus.tell(Address::v4(1), 1400, now);
    mtus.tell(Address::v4(2), 1300, now + 1);
    mtus.tell(Address::v4(1), 1450, now + 2);
    CHECK(mtus.to(Address::v4(1), 1500) == 1400);
    CHECK(mtus.to(Address::v4(1), 1200) == 1200);
    CHECK(mtus.to(Address::v4(2), 1500) == 1300);
    CHECK(mtus.to(Address::v4(3), 1500) == 1500);
    CHECK(mtus.least() == 1300);
    mtus.expire(now + path_mtu_kept - 1);
    CHECK(mtus.to(Address::v4(1), 1500) == 1400);
    mtus.expire(now + path_mtu_kept);
    CHECK(mtus.to(Address::v4(1), 1500) == 1500);
    CHECK(mtus.least() == 1300);
    mtus.expire(now + path_mtu_kept + 1);
    CHECK(mtus.least() == UINT16_MAX);
}

TEST_CASE("of more servers than there is room for the oldest are forgotten") {
    PathMtus mtus;
    constexpr uint32_t most = PathMtus::most;
    for (uint32_t server = 0; server < most + 10; ++server) {
        mtus.tell(Address::v4(server), 1000, server);
    }
    for (uint32_t server = 0; server < most + 10; ++server) {
        CHECK(mtus.to(Address::v4(server), 1500) == (server < 10 ? 1500 : 1000));
    }
}

}  // namespace rehome::vipd
