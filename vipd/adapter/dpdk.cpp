#include "vipd/adapter/dpdk.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "vipd/adapter/acl.h"
#include "vipd/adapter/dpdk_log.h"

namespace rehome::vipd {

namespace {

// The first CPU that this process may use; EAL wants one for its only lcore.
unsigned first_cpu(const cpu_set_t& cpus) {
    unsigned cpu = 0;
    while (cpu + 1 < CPU_SETSIZE && !CPU_ISSET(cpu, &cpus)) ++cpu;
    return cpu;
}

std::vector<std::string> eal_arguments(const MemoryConfig& memory, unsigned cpu) {
    std::vector<std::string> words{"vipd", "--no-telemetry", "--no-pci", "--log-level=error",
                                   "--iova-mode=va",  // else huge pages cut a pool into pieces
                                   // Access rules are classified in vectors of 512 bits where there
                                   // are such; DPDK takes 256 unless it is told.
                                   "--force-max-simd-bitwidth=512",
                                   fmt::format("--lcores=0@{}", cpu), "-m",
                                   // Of ordinary pages what nobody uses costs nothing; huge ones
                                   // come as they are wanted.
                                   std::to_string(memory.mib + (memory.hugepages ? 0 : acl_mib))};
    if (memory.hugepages) {
        words.emplace_back("--in-memory");
        return words;
    }
    // DPDK 22.11 refuses --no-huge together with --in-memory.
    words.insert(words.end(), {"--no-huge", "--no-shconf"});
    return words;
}

bool started = false;

}  // namespace

bool dpdk_runs() {
    return started;
}

Result<> start_dpdk(const MemoryConfig& memory) {
    // Without this libxdp wants a bpffs, which `ip netns exec` hides, to share the device with
    // other XDP programs: the device is ours alone.
    setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus) != 0) CPU_SET(0, &cpus);
    auto words = eal_arguments(memory, first_cpu(cpus));
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (auto& word : words) arguments.push_back(word.data());

    take_dpdk_log();
    const Complaints complaints;
    const int taken = rte_eal_init(static_cast<int>(arguments.size()), arguments.data());
    // EAL pinned this thread to its lcore; several gateways would then crowd on one CPU.
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    silence_libxdp();
    started = taken >= 0;
    if (started) return {};
    return complaints.fail("DPDK", fmt::format("cannot start with {} MiB {}: {}", memory.mib,
                                               memory.hugepages ? "of huge pages" : "of memory",
                                               rte_strerror(rte_errno)));
}

void stop_dpdk() {
    started = false;
    rte_eal_cleanup();
}

Result<> register_dpdk_thread() {
    if (rte_lcore_id() != LCORE_ID_ANY || rte_thread_register() == 0) return {};
    return fail(Exit::world, "DPDK",
                fmt::format("cannot register a thread: {}", rte_strerror(rte_errno)));
}

}  // namespace rehome::vipd
