#include "vipd/adapter/port.h"

#include <dirent.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "common/child.h"
#include "vipd/adapter/dpdk_log.h"
#include "vipd/adapter/interface.h"
#include "vipd/adapter/pool.h"
#include "vipd/packet/partial_checksum.h"

namespace rehome::vipd {

namespace {

constexpr uint16_t ring_packets = 2048;  // in each direction
constexpr uint16_t file_mtu = 1500;      // a file has none of its own
// AF_PACKET's driver has the kernel put fragments together, of 8 KB at least.
constexpr uint32_t ring_frame = 10 * 1024;
constexpr uint32_t large_packets = 512;

// The sockets of this process that a DPDK port may read packets from, sorted.
std::vector<int> packet_sockets() {
    std::vector<int> found;
    DIR* folder = opendir("/proc/self/fd");
    if (!folder) {
        return found;
    }
    while (const dirent* entry = readdir(folder)) {
        const int fd = std::atoi(entry->d_name);  // "." and ".." read as 0, which is no such socket
        int domain = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
            (domain == AF_XDP || domain == AF_PACKET)) {
            found.push_back(fd);
        }
    }
    closedir(folder);
    std::sort(found.begin(), found.end());
    return found;
}

std::string driver_of(const Device& device) {
    switch (device.driver) {
        case Device::Driver::af_xdp:
            return "net_af_xdp";
        case Device::Driver::af_packet:
            return "net_af_packet";
        case Device::Driver::null:
            return "net_null";
        case Device::Driver::pcap:
        case Device::Driver::replay:
            break;
    }
    return "net_pcap";
}

std::string driver_arguments(const Device& device) {
    switch (device.driver) {
        case Device::Driver::af_xdp:
            // Busy polling would replace the wake-up that poll(2) waits for.
            return fmt::format("iface={},start_queue=0,queue_count={},busy_budget=0",
                               device.interface, interface_channels(device.interface));
        case Device::Driver::af_packet:
            return fmt::format("iface={},qpairs=1,blocksz={},framesz={},framecnt={}",
                               device.interface, 2 * ring_frame, ring_frame, ring_packets / 2);
        case Device::Driver::replay:
            return fmt::format("rx_pcap={},infinite_rx=1", fmt::join(device.replayed, ",rx_pcap="));
        case Device::Driver::null:
            return "no-rx=1";
        case Device::Driver::pcap:
            break;
    }
    return "rx_pcap=" + device.rx_file + (device.tx_file.empty() ? "" : ",tx_pcap=") +
           device.tx_file;
}

// A name in the abstract namespace of UNIX sockets, which belongs to the network namespace and goes
// with the process: a second vipd on the interface would take the first one's XDP program away.
Result<Fd> lock_interface(const std::string& interface) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "rehome/vipd/" + interface;
    std::copy(name.begin(), name.end(), address.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    Fd lock(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (lock && bind(lock.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) {
        return lock;
    }
    return fail(Exit::world, interface,
                errno == EADDRINUSE ? "another vipd has this interface open"
                                    : fmt::format("cannot lock it: {}", std::strerror(errno)));
}

// What the interface must be like before DPDK takes it over; gives its MTU.
Result<uint16_t> prepare(const std::string& interface, const Port::Needs& needs) {
    const uint16_t mtu_min = needs.mtu_min;
    auto mtu = interface_mtu(interface);
    if (!mtu) {
        return mtu;
    }
    if (*mtu < mtu_min) {
        return fail(Exit::world, interface,
                    fmt::format("MTU {} is too small for this port, expected at least {}: ip link "
                                "set dev {} mtu {}, at both ends",
                                *mtu, mtu_min, interface, mtu_min));
    }
    if (*mtu > mtu_max) {
        return fail(Exit::world, interface,
                    fmt::format("MTU {} is more than a packet buffer holds, expected at most {}",
                                *mtu, mtu_max));
    }
    const auto tags = keep_vlan_tags(interface);
    if (!tags) {
        return tl::unexpected(tags.error());
    }
    if (!*tags && needs.vlans) {
        return fail(Exit::world, interface,
                    "takes the tags of VLANs out of the frames and cannot be told not to (ethtool "
                    "-K " +
                        interface +
                        " rxvlan off), expected a device that can: without their "
                        "tags VLANs are all one");
    }
    if (auto up = bring_up(interface); !up) {
        return tl::unexpected(up.error());
    }
    return mtu;
}

Result<> nft(const std::string& interface, const std::string& rules) {
    const auto child =
        run({"nft", "-f", "-"}, {.timeout = std::chrono::seconds(10), .input = rules});
    if (!child) {
        return tl::unexpected(child.error());
    }
    if (child->code == 0) {
        return {};
    }
    return fail(Exit::world, interface, "nft failed: " + child->err);
}

std::string mute_table(const std::string& interface) {
    return "netdev rehome-" + interface;
}

// AF_PACKET sees a copy of each packet: the kernel would answer the original beside us (or forward
// it), with no sign of it but duplicates.  Dropping it is therefore not left to the operator.  The
// ingress hook comes after AF_PACKET's tap.  `add` before `delete`: what a crash left is replaced.
Result<> mute(const std::string& interface) {
    const std::string table = mute_table(interface);
    return nft(interface, fmt::format("add table {0}\ndelete table {0}\nadd table {0}\n"
                                      "add chain {0} in {{ type filter hook ingress device \"{1}\" "
                                      "priority 0; policy drop; }}\n",
                                      table, interface));
}

// Counts in a counter that only this thread writes.
void count(std::atomic<uint64_t>& counter, uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<Port>> Port::open(const PortConfig& config, rte_mempool& pool,
                                         const Needs& needs, uint32_t workers) {
    std::unique_ptr<Port> port(new Port);  // closes, when we fail, what is open by then
    port->name_ = config.name;
    port->interface_ = config.device.interface;
    port->is_null_ = config.device.driver == Device::Driver::null;
    port->mtu_ = std::max(file_mtu, needs.mtu_min);
    if (!config.device.interface.empty()) {
        if (auto ours = port->take(config.device, needs); !ours) {
            return tl::unexpected(ours.error());
        }
    }
    if (auto started = port->start(config.device, pool, workers); !started) {
        return tl::unexpected(started.error());
    }
    return port;
}

Result<> Port::take(const Device& device, const Needs& needs) {
    auto lock = lock_interface(device.interface);
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    lock_ = std::move(*lock);
    const auto mtu = prepare(device.interface, needs);
    if (!mtu) {
        return tl::unexpected(mtu.error());
    }
    mtu_ = *mtu;
    finishes_ = is_virtual(device.interface);
    if (device.driver != Device::Driver::af_packet) {
        return {};
    }
    auto large = make_pool(("large " + name_).c_str(), large_packets, ring_frame);
    if (!large) {
        return tl::unexpected(large.error());
    }
    large_ = std::move(*large);
    muted_ = device.interface;
    return mute(device.interface);
}

// Sets up the queues and starts; the negative errno of the first call that fails.
int Port::start_queues(const Device& device, rte_mempool& pool, uint32_t workers) {
    rte_eth_dev_info info{};
    if (const int code = rte_eth_dev_info_get(id_, &info); code < 0) {
        return code;
    }
    // Nothing comes from the null device: one queue is enough to ask.
    rx_queues_ = device.driver == Device::Driver::null ? uint16_t{1} : info.max_rx_queues;
    spreads_by_owner_ =
        device.driver == Device::Driver::replay && workers > 1 && rx_queues_ == workers;
    tx_queues_ = std::min(info.max_tx_queues, std::max(rx_queues_, static_cast<uint16_t>(workers)));
    rx_counts_ = std::vector<Count>(rx_queues_);
    tx_counts_ = std::vector<Count>(tx_queues_);
    const rte_eth_conf plain{};
    if (const int code = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &plain); code < 0) {
        return code;
    }
    for (uint16_t i = 0; i < rx_queues_; ++i) {
        if (const int code = rte_eth_rx_queue_setup(id_, i, ring_packets, 0, nullptr, &pool);
            code < 0) {
            return code;
        }
    }
    for (uint16_t i = 0; i < tx_queues_; ++i) {
        if (const int code = rte_eth_tx_queue_setup(id_, i, ring_packets, 0, nullptr); code < 0) {
            return code;
        }
    }
    return rte_eth_dev_start(id_);
}

Result<> Port::start(const Device& device, rte_mempool& pool, uint32_t workers) {
    static unsigned opened = 0;  // DPDK's names are unique in a process
    const std::string name = driver_of(device) + std::to_string(opened++);
    const auto sockets_before = packet_sockets();
    const Complaints complaints;
    int code = rte_eal_hotplug_add("vdev", name.c_str(), driver_arguments(device).c_str());
    if (code == 0) {
        device_ = name;
        code = rte_eth_dev_get_port_by_name(name.c_str(), &id_);
    }
    if (code == 0) {
        code = start_queues(device, large_ ? *large_ : pool, workers);
    }
    rte_ether_addr address{};
    if (code == 0) {
        code = rte_eth_macaddr_get(id_, &address);
    }
    if (code != 0) {
        return complaints.fail(
            name_, fmt::format("cannot open {}: {}", device.text(), rte_strerror(-code)));
    }
    std::copy_n(address.addr_bytes, mac_.size(), mac_.begin());
    const auto sockets = packet_sockets();
    std::set_difference(sockets.begin(), sockets.end(), sockets_before.begin(),
                        sockets_before.end(), std::back_inserter(wait_fds_));
    return {};
}

Port::~Port() {
    const Complaints unheard;  // a device that goes away with its namespace complains, of no use
    if (!device_.empty()) {
        rte_eth_dev_stop(id_);
        rte_eal_hotplug_remove("vdev", device_.c_str());
    }
    if (!muted_.empty()) {
        nft(muted_, fmt::format("delete table {}\n", mute_table(muted_)));
    }
}

std::vector<int> Port::wait_fds(uint16_t queue) const {
    // One socket a queue, made in their order; else whichever it is, all of them wake.
    return wait_fds_.size() == rx_queues_ ? std::vector{wait_fds_[queue]} : wait_fds_;
}

PortCounters Port::counters() const {
    PortCounters sum;
    for (const auto& queue : rx_counts_) {
        sum.received += queue.received.load(std::memory_order_relaxed);
        sum.finished += queue.finished.load(std::memory_order_relaxed);
        sum.super += queue.super.load(std::memory_order_relaxed);
    }
    for (const auto& queue : tx_counts_) {
        sum.sent += queue.sent.load(std::memory_order_relaxed);
        sum.refused += queue.refused.load(std::memory_order_relaxed);
    }
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id_, &stats) == 0) {
        sum.lost_in = stats.imissed;
    }
    // AF_PACKET's driver does not ask; the kernel counts from one question to the next.
    for (size_t i = 0; !muted_.empty() && i < wait_fds_.size(); ++i) {
        tpacket_stats since{};
        socklen_t size = sizeof since;
        if (getsockopt(wait_fds_[i], SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0) {
            missed_ += since.tp_drops;
        }
    }
    sum.lost_in += missed_;
    return sum;
}

uint16_t Port::receive(uint16_t queue, rte_mbuf** packets, uint16_t room) {
    const uint16_t got = rte_eth_rx_burst(id_, queue, packets, room);
    if (got > 0) {
        count(rx_counts_[queue].received, got);
    }
    return finishes_ && got > 0 ? finish_offloads(queue, packets, got) : got;
}

// How many are left: what a kernel meant a device to cut is none that a router may forward.
uint16_t Port::finish_offloads(uint16_t queue, rte_mbuf** packets, uint16_t given) {
    Count& counts = rx_counts_[queue];
    uint16_t kept = 0;
    for (uint16_t i = 0; i < given; ++i) {
        rte_mbuf* packet = packets[i];
        const std::span frame(rte_pktmbuf_mtod(packet, uint8_t*), packet->data_len);
        const auto left = packet->nb_segs == 1 ? finish(frame, mtu_) : LeftToDevice::nothing;
        if (left == LeftToDevice::cutting) {
            count(counts.super, 1);
            rte_pktmbuf_free(packet);
            continue;
        }
        if (left == LeftToDevice::checksum) {
            count(counts.finished, 1);
        }
        packets[kept++] = packet;
    }
    return kept;
}

uint16_t Port::send(uint16_t queue, rte_mbuf** packets, uint16_t count_given) {
    const uint16_t taken = rte_eth_tx_burst(id_, queue, packets, count_given);
    count(tx_counts_[queue].sent, taken);
    if (taken < count_given) {
        const auto left = static_cast<unsigned>(count_given - taken);
        count(tx_counts_[queue].refused, left);
    }
    return taken;
}

}  // namespace rehome::vipd
