// DPDK's environment (EAL), started once a process, before any port is opened.
//
// No PCI scan, no telemetry, nothing shared with other DPDK processes, so that several gateways
// live side by side on one host, and nothing is left on disk.  The thread that starts it keeps the
// CPUs that it had.
#pragma once

#include "common/error.h"
#include "common/vipd_config/config.h"

namespace rehome::vipd {

Result<> start_dpdk(const MemoryConfig& memory);
bool dpdk_runs();
void stop_dpdk();  // after the last port is closed and the last pool is freed

// A thread that was not started by DPDK calls this once before it touches packets: it gets an lcore
// id, and with it a cache of the pool.
Result<> register_dpdk_thread();

}  // namespace rehome::vipd
