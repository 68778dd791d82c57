// AF_XDP's driver (DPDK 22.11) tells the kernel that the pool takes as many bytes as its packets
// would side by side.  They are not: no packet lies in two pages, which leaves a gap at the end of
// each.  A packet beyond the told end is invalid to the kernel, which skips it and the place that
// it has in a ring, for good: with enough of them, nothing is received any more.  So packets fill
// ordinary pages, and nobody gets those that are beyond all the same.
#include "vipd/adapter/pool.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "vipd/adapter/dpdk_log.h"

namespace rehome::vipd {

namespace {

// Packets that a thread keeps in its own cache before it goes back to the shared pool.
constexpr unsigned cache_packets = 256;

// How a packet lies in memory.
struct Shape {
    unsigned flags = 0;  // of the pool
    uint16_t room = 0;   // for its bytes
    uint32_t element() const { return static_cast<uint32_t>(sizeof(rte_mbuf)) + room; }
};

Shape shape() {
    if (rte_eal_has_hugepages() != 0) {
        return {0, RTE_MBUF_DEFAULT_BUF_SIZE};
    }
    const unsigned flags = RTE_MEMPOOL_F_NO_SPREAD;
    const auto besides = rte_mempool_calc_obj_size(sizeof(rte_mbuf), flags, nullptr);
    return {flags, static_cast<uint16_t>(sysconf(_SC_PAGESIZE) - besides)};
}

// As rte_pktmbuf_pool_create(), which knows no flags; null: rte_errno says why.
Pool packets_of(const Shape& shape, const char* name, uint32_t count) {
    Pool pool(rte_mempool_create_empty(name, count, shape.element(), cache_packets,
                                       sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY,
                                       shape.flags));
    if (!pool ||
        rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr) != 0) {
        return nullptr;
    }
    rte_pktmbuf_pool_private layout{shape.room, 0, 0};
    rte_pktmbuf_pool_init(pool.get(), &layout);
    if (rte_mempool_populate_default(pool.get()) < 0) {
        return nullptr;
    }
    rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
    return pool;
}

// Takes those out for good that are beyond what AF_XDP's driver tells the kernel; false: nobody
// could look at all of them.
bool set_aside(rte_mempool& pool) {
    const uint32_t each = rte_mempool_calc_obj_size(pool.elt_size, pool.flags, nullptr);
    const auto* end = static_cast<const uint8_t*>(STAILQ_FIRST(&pool.mem_list)->addr) +
                      size_t{pool.populated_size} * each;
    std::vector<void*> packets(pool.populated_size);
    if (rte_mempool_get_bulk(&pool, packets.data(), pool.populated_size) != 0) {
        return false;
    }
    const auto beyond = std::partition(packets.begin(), packets.end(), [&](const void* packet) {
        return static_cast<const uint8_t*>(packet) + pool.elt_size <= end;
    });
    rte_mempool_put_bulk(&pool, packets.data(), static_cast<unsigned>(beyond - packets.begin()));
    return true;
}

}  // namespace

void PoolDeleter::operator()(rte_mempool* pool) const {
    rte_mempool_free(pool);
}

namespace {

Result<Pool> make_pool(const Shape& shape, const char* name, uint32_t packets) {
    const Complaints complaints;
    Pool pool = packets_of(shape, name, packets);
    if (pool) {
        return pool;
    }
    return complaints.fail(
        "DPDK",
        fmt::format("cannot make a pool of {} packets: {}; expected more memory, see \"mib\"",
                    packets, rte_strerror(rte_errno)));
}

}  // namespace

Result<Pool> make_pool(const char* name, uint32_t packets, uint32_t bytes) {
    return make_pool(Shape{0, static_cast<uint16_t>(bytes + RTE_PKTMBUF_HEADROOM)}, name, packets);
}

Result<Pool> make_pool(const char* name, uint32_t packets) {
    auto made = make_pool(shape(), name, packets);
    if (!made) return made;
    Pool& pool = *made;
    const Complaints complaints;
    const std::string what = fmt::format("cannot make a pool of {} packets", packets);
    if (pool->nb_mem_chunks != 1)
        return complaints.fail(
            "DPDK", fmt::format("{} in one piece, it has {}", what, pool->nb_mem_chunks));
    if (!set_aside(*pool)) return complaints.fail("DPDK", what + ": not all of them are there");
    return made;
}

}  // namespace rehome::vipd
