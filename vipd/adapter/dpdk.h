// DPDK's environment (EAL), started once a process, before any port is opened.
//
// No PCI scan, no telemetry, nothing shared with other DPDK processes, so that several gateways
// live side by side on one host, and nothing is left on disk.  The thread that starts it keeps the
// CPUs that it had.
#pragma once

#include <cstdint>
#include <memory>

#include "common/error.h"
#include "common/vipd_config/config.h"

struct rte_mempool;

namespace rehome::vipd {

Result<> start_dpdk(const MemoryConfig& memory);
void stop_dpdk();  // after the last port is closed and the last pool is freed

// A thread that was not started by DPDK calls this once before it touches packets: it gets an lcore
// id, and with it a cache of the pool.
Result<> register_dpdk_thread();

struct PoolDeleter {
    void operator()(rte_mempool* pool) const;
};
using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

// A pool of packet buffers with DPDK's usual headroom, in one piece, as AF_XDP wants it.  A port
// keeps up to 8,192 of them in its rings.
Result<Pool> make_pool(const char* name, uint32_t packets);

// The largest MTU whose frames fit such a buffer, whatever driver filled it.
inline constexpr uint16_t mtu_max = 1750;

}  // namespace rehome::vipd
