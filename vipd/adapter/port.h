// One DPDK port, opened at run time on a kernel interface, pcap files or nothing, with as many
// queues as it has: one for each combined channel of an AF_XDP interface, for each replayed file,
// else one; to send, one for each worker where the device takes any number.
//
// An interface is ours alone while it is open: it is brought up, left to keep VLAN tags in its
// frames (rxvlan off), its other offloads and MTU stay as the operator set them, and for af_packet
// a netdev table of nftables drops the copy of each packet that the kernel would answer beside us.
// Where another kernel sends by a virtual device, checksums that it has left to the device are
// finished here, before anything judges by them (packet/partial_checksum.h).
//
// Each queue, in each direction, belongs to one thread; open and close to the thread that started
// DPDK.  Packets come from the pool that the port was opened with.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/fd.h"
#include "common/vipd_config/config.h"
#include "vipd/adapter/pool.h"
#include "vipd/packet/mac.h"
#include "vipd/watch/counters.h"

struct rte_mbuf;
struct rte_mempool;

namespace rehome::vipd {

// What a port of AF_PACKET takes of the memory for packets of its own, in MiB.
inline constexpr uint32_t af_packet_mib = 8;

class Port {
public:
    struct Needs {
        uint16_t mtu_min = 0;  // of an IP packet
        bool vlans = false;    // some VLAN of it has a role
    };

    // Refuses a device whose MTU is below mtu_min, one that cannot leave the tags of VLANs in its
    // frames, and one that a vipd of this network namespace has open already.
    static Result<std::unique_ptr<Port>> open(const PortConfig& config, rte_mempool& pool,
                                              const Needs& needs, uint32_t workers);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    uint16_t rx_queues() const { return rx_queues_; }
    // Whether each queue has just what its worker owns (owner.h).  Replayed files that are as many
    // as the workers stand for the queues of a NIC that hashes so, and are taken at their word.
    bool spreads_by_owner() const { return spreads_by_owner_; }
    uint16_t tx_queues() const { return tx_queues_; }

    // At most room packets; the caller owns them.
    uint16_t receive(uint16_t queue, rte_mbuf** packets, uint16_t room);

    // Returns how many of the count packets the device took; the others are the caller's, and
    // counted as refused.
    uint16_t send(uint16_t queue, rte_mbuf** packets, uint16_t count);

    // Nothing ever comes from it.
    bool only_sends() const { return is_null_; }
    // What to poll(2) for POLLIN so that whoever receives from that queue wakes at once.  Empty
    // (pcap and the like): there is nothing to wait for, back off instead.
    std::vector<int> wait_fds(uint16_t queue) const;

    const std::string& name() const { return name_; }
    const std::string& interface() const { return interface_; }  // empty: it is a file
    const Mac& mac() const { return mac_; }
    uint16_t mtu() const { return mtu_; }
    // Of all queues; for any thread.  Without what the kernel alone knows (devices.h).
    PortCounters counters() const;

    // The device's MTU has changed; for any thread.
    void set_mtu(uint16_t mtu) { mtu_ = mtu; }

private:
    // A queue's, each written by its one thread.
    struct alignas(64) Count {
        std::atomic<uint64_t> received = 0, sent = 0, refused = 0;
        std::atomic<uint64_t> finished = 0, super = 0;
    };

    Port() = default;
    Result<> take(const Device& device, const Needs& needs);
    Result<> start(const Device& device, rte_mempool& pool, uint32_t workers);
    int start_queues(const Device& device, rte_mempool& pool, uint32_t workers);
    uint16_t finish_offloads(uint16_t queue, rte_mbuf** packets, uint16_t count);

    std::string name_;
    std::string interface_;
    bool is_null_ = false;
    bool finishes_ = false;  // what comes may lack what a kernel left to the device
    Pool large_;             // af_packet: the kernel puts fragments together
    std::string device_;     // DPDK's name for it: "net_af_xdp3"; empty: not there yet
    std::string muted_;      // the interface whose packets the kernel does not see; empty: none
    Fd lock_;                // held while the interface is ours
    uint16_t id_ = 0;        // DPDK's number for it
    Mac mac_{};
    std::atomic<uint16_t> mtu_ = 0;
    uint16_t rx_queues_ = 1, tx_queues_ = 1;
    bool spreads_by_owner_ = false;
    std::vector<int> wait_fds_;
    mutable std::atomic<uint64_t> missed_ = 0;  // by AF_PACKET's ring
    std::vector<Count> rx_counts_, tx_counts_;
};

}  // namespace rehome::vipd
