#include "vipd/adapter/pool.h"

#include <doctest/doctest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <vector>

#include "tests/unit/vipd/adapter/dpdk_started.h"

namespace rehome::vipd {
namespace {

// What AF_XDP's driver tells the kernel of the pool: that many bytes from where it begins.
const uint8_t* told_end(const rte_mempool& pool) {
    return static_cast<const uint8_t*>(STAILQ_FIRST(&pool.mem_list)->addr) +
           size_t{pool.populated_size} *
               rte_mempool_calc_obj_size(pool.elt_size, pool.flags, nullptr);
}

TEST_CASE("every packet of a pool lies within what the kernel is told of it") {
    REQUIRE(dpdk_started());
    constexpr uint32_t wanted = 4'000;
    const auto pool = make_pool("test", wanted);
    REQUIRE(pool.has_value());
    std::vector<rte_mbuf*> packets;
    while (rte_mbuf* packet = rte_pktmbuf_alloc(pool->get())) {
        packets.push_back(packet);
    }
    CHECK(packets.size() <= wanted);
    CHECK(packets.size() > wanted * 99 / 100);
    CHECK(std::all_of(packets.begin(), packets.end(), [&](const rte_mbuf* packet) {
        return reinterpret_cast<const uint8_t*>(packet) + (*pool)->elt_size <= told_end(**pool);
    }));
    rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
}

}  // namespace
}  // namespace rehome::vipd
