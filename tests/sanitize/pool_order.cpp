// Tells ThreadSanitizer of the order that DPDK's pools of packets give, which it cannot see: they
// are libraries that it has not instrumented.
//
// A buffer that one thread gives back and another one gets is ordered by the pool's ring.  Threads
// keep some in caches of their own; between threads all of them go through these two functions.
// Linked into the programs by SANITIZE=thread alone, with --wrap=rte_pktmbuf_pool_init, which is
// called once a pool has its ring; one kind of pool a process.
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sanitizer/tsan_interface.h>

#include <span>

namespace {

rte_mempool_ops pool_ops;  // as they were

int give_back(rte_mempool* pool, void* const* buffers, unsigned count) {
    for (void* buffer : std::span(buffers, count)) {
        __tsan_release(buffer);
    }
    return pool_ops.enqueue(pool, buffers, count);
}

int get(rte_mempool* pool, void** buffers, unsigned count) {
    const int result = pool_ops.dequeue(pool, buffers, count);
    for (void* buffer : std::span(buffers, result == 0 ? count : 0)) {
        __tsan_acquire(buffer);
    }
    return result;
}

}  // namespace

extern "C" {

// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name
void __real_rte_pktmbuf_pool_init(rte_mempool* pool, void* layout);

// NOLINTNEXTLINE(bugprone-reserved-identifier): likewise
void __wrap_rte_pktmbuf_pool_init(rte_mempool* pool, void* layout) {
    __real_rte_pktmbuf_pool_init(pool, layout);
    rte_mempool_ops& ops = *rte_mempool_get_ops(pool->ops_index);
    if (ops.enqueue != give_back) {
        pool_ops = ops;
        ops.enqueue = give_back;
        ops.dequeue = get;
    }
}
}
