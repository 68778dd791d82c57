// What link messages say of the ports' devices and twins.
#include "vipd/adapter/devices.h"

#include <doctest/doctest.h>

#include <functional>

namespace rehome::vipd::testing {

namespace {

LinkMessage link(unsigned interface, bool carrier, uint16_t mtu) {
    LinkMessage made;
    made.interface = interface;
    made.carrier = carrier;
    made.mtu = mtu;
    return made;
}

LinkMessage gone(unsigned interface) {
    LinkMessage made = link(interface, true, 1500);  // as it was last
    made.removed = true;
    made.unsent = 7;
    return made;
}

}  // namespace

TEST_CASE("devices and twins, as messages come") {
    Devices devices({{11, 1}, {12, 0}});
    devices.take(link(1, true, 1500));
    CHECK(devices.now()[0] == DeviceState{true, true, true, 1500, {}, 0});
    devices.take(link(1, false, 1400));
    CHECK(devices.now()[0] == DeviceState{true, false, true, 1400, {}, 0});
    devices.take(link(99, true, 9000));  // none of ours
    devices.take(gone(12));
    CHECK(devices.now()[1] == DeviceState{true, true, false, 0, {}, 0});
    devices.take(gone(1));
    CHECK(devices.now()[0] == DeviceState{false, false, true, 1500, {}, 7});
}

TEST_CASE("who is not in a dump is gone; a port that is a file has a twin alone") {
    Devices devices({{11, 1}, {12, 0}});
    devices.take_all(std::vector{link(1, true, 1500), link(11, true, 1500), link(12, true, 1500)});
    CHECK(devices.now()[0].there);
    CHECK(devices.now()[1] == DeviceState{});
    devices.take_all(std::vector{link(12, true, 1500)});
    CHECK_FALSE(devices.now()[0].there);
    CHECK_FALSE(devices.now()[0].carrier);
    CHECK_FALSE(devices.now()[0].twin);
    CHECK(devices.now()[0].mtu == 1500);
    CHECK(devices.now()[1] == DeviceState{});
}

}  // namespace rehome::vipd::testing
