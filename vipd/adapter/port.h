// One DPDK port, opened at run time on a kernel interface or a pcap file, with one queue each way.
//
// receive and send belong to one thread; open and close to the thread that started DPDK.  Packets
// come from the pool that the port was opened with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "vipd/core/config.h"
#include "vipd/core/mac.h"

struct rte_mbuf;
struct rte_mempool;

namespace rehome {

struct PortCounters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t refused = 0;  // given to send, but the device had no room: freed and lost
};

class Port {
public:
    // mtu: set on the device; the port refuses to open when the device cannot carry it.
    static Result<std::unique_ptr<Port>> open(const PortConfig& config, rte_mempool& pool,
                                              uint16_t mtu);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    // At most room packets; the caller owns them.
    uint16_t receive(rte_mbuf** packets, uint16_t room);

    // Takes all count packets.  Returns how many the device took; the others are freed and counted
    // as refused.
    uint16_t send(rte_mbuf** packets, uint16_t count);

    // What to poll(2) for POLLIN so that a sleeping worker wakes at once.  Empty (pcap): there is
    // nothing to wait for, back off instead.
    const std::vector<int>& wait_fds() const { return wait_fds_; }

    const std::string& name() const { return name_; }
    const Mac& mac() const { return mac_; }
    uint16_t mtu() const { return mtu_; }
    const PortCounters& counters() const { return counters_; }

private:
    Port() = default;

    std::string name_;
    std::string device_;     // DPDK's name for it: "net_af_xdp3"
    std::string interface_;  // empty for pcap
    bool quiet_ = false;     // the kernel's own copy of each packet is dropped (af_packet)
    uint16_t id_ = 0;
    Mac mac_{};
    uint16_t mtu_ = 0;
    std::vector<int> wait_fds_;
    PortCounters counters_;
};

}  // namespace rehome
