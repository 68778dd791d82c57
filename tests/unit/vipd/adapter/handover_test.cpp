// Two threads, a ring between them, and no wake-up lost.
#include "vipd/adapter/handover.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "common/clock.h"
#include "tests/unit/vipd/adapter/dpdk_started.h"

namespace rehome::vipd {
namespace {

constexpr uint32_t from = 0, to = 1;
constexpr uint64_t packets_in_all = 200'000;
constexpr uint64_t on_their_way_at_most = 1'000;  // fewer than a ring has room for
constexpr int wake_within_ms = 5'000;

// Numbers stand for packets: nobody looks into them as long as there is room.
rte_mbuf* packet(uint64_t number) {
    return reinterpret_cast<rte_mbuf*>(number);  // NOLINT(performance-no-int-to-ptr)
}

struct Progress {
    std::atomic<uint64_t> taken = 0;
    std::atomic<bool> given_up = false;
};

// Gives bursts of 1 to 32, and waits now and then until the taker has nothing more to do.
void give_all(Handover& handover, const Progress& progress) {
    for (uint64_t given = 0; given < packets_in_all;) {
        const bool waits = given % 7 == 0;
        while (given - progress.taken > (waits ? 0 : on_their_way_at_most)) {
            if (progress.given_up) {
                return;
            }
            std::this_thread::yield();
        }
        rte_mbuf* burst[32];
        uint16_t count = 0;
        for (const uint64_t size = 1 + given % 32; count < size && given < packets_in_all;) {
            burst[count++] = packet(++given);
        }
        handover.give(from, to, burst, count);
    }
}

// Sleeps until it is woken; false: it was not.
bool sleep(Handover& handover) {
    if (!handover.may_sleep(to)) {
        return true;
    }
    pollfd wake{handover.wake(to).fd(), POLLIN, 0};
    if (poll(&wake, 1, wake_within_ms) != 1) {
        return false;
    }
    handover.wake(to).drain();
    handover.awake(to);
    return true;
}

TEST_CASE("what is given is taken in its order, and a sleeper is woken") {
    REQUIRE(dpdk_started());
    auto handover = Handover::make(2);
    REQUIRE(handover.has_value());
    Progress progress;
    std::atomic<uint64_t>& taken = progress.taken;
    std::thread thread([&] { give_all(**handover, progress); });
    uint64_t out_of_order = 0, slept = 0;
    rte_mbuf* burst[32];
    while (!progress.given_up && taken < packets_in_all) {
        const uint16_t count = (*handover)->take(from, to, burst, 32);
        for (uint16_t i = 0; i < count; ++i) {
            out_of_order += burst[i] == packet(taken + i + 1) ? 0 : 1;
        }
        taken += count;
        if (count == 0) {
            ++slept;
            progress.given_up = !sleep(**handover);
        }
    }
    thread.join();
    CHECK(!progress.given_up);
    CHECK(taken == packets_in_all);
    CHECK(out_of_order == 0);
    CHECK(slept > 0);
    while ((*handover)->take(from, to, burst, 32) > 0) {
    }
}

}  // namespace
}  // namespace rehome::vipd
