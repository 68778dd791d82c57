// DPDK's environment (EAL), started once a process, before any port is opened.
//
// No PCI scan, no telemetry, nothing shared with other DPDK processes, so that several gateways
// live side by side on one host.  Nothing is left on disk.  The thread that starts it keeps the
// CPUs that it had.  What DPDK prints goes to the log only from level "error" up, and never to the
// terminal's standard output.
#pragma once

#include <cstdint>
#include <memory>

#include "common/error.h"
#include "vipd/core/config.h"

struct rte_mempool;

namespace rehome {

// Before any thread is started: where af_xdp ports are wanted and /sys/fs/bpf is no bpffs, it moves
// the process to a mount namespace of its own and mounts one there.
Result<> start_dpdk(const MemoryConfig& memory, bool af_xdp);
void stop_dpdk();  // after the last port is closed and the last pool is freed

// A thread that was not started by DPDK calls this once before it touches mbufs: it gets a lcore
// id, and with it a cache of the pool.
Result<> register_dpdk_thread();

struct PoolDeleter {
    void operator()(rte_mempool* pool) const;
};
using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

// A pool of packets whose room fits a frame of the link port (MTU 1600) with DPDK's usual headroom.
Result<Pool> make_pool(const char* name, uint32_t packets);

}  // namespace rehome
