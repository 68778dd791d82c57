// A worker's sleep: what wakes it, and what does not.
#include "vipd/adapter/waits.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "common/clock.h"
#include "vipd/adapter/event.h"

namespace rehome::vipd::testing {

TEST_CASE("what can be read wakes; a descriptor that tells an error alone wakes once, then rests") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    close(ends[1]);  // POLLHUP, and nothing to read
    const Event event;
    Waits waits;
    const auto wait = [&](Micros limit, Micros now) {
        waits.clear();
        const size_t of_event = waits.add(event.fd(), now);
        waits.add(ends[0], now);
        const Micros before = monotonic_us();
        waits.wait(limit, now);
        return std::pair(waits.readable(of_event), monotonic_us() - before);
    };
    CHECK(wait(10'000'000, 1'000'000).second < 5'000'000);  // the error
    const auto [woken, slept] = wait(30'000, 1'050'000);
    CHECK_FALSE(woken);
    CHECK(slept >= 30'000);  // it rests
    event.signal();
    CHECK(wait(10'000'000, 1'060'000).first);
    event.drain();
    CHECK(wait(10'000'000, 1'100'000).second < 5'000'000);  // looked at again
    close(ends[0]);
}

}  // namespace rehome::vipd::testing
