// Reads a socket's two queues a batch at a time: packets, and what the kernel says about packets
// that we sent (the error queue: times of sending, ICMP errors).
//
// Never blocks.  What it hands out is valid until the next read.  Not thread-safe.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "probe/core/flow.h"

namespace rehome::probe {

// One message with what its control messages say.
struct Delivered {
    ByteView bytes{};
    bool cut = false;                         // longer than the buffer
    std::optional<Nanos> at{};                // the kernel's time stamp, if there is one
    std::optional<Endpoint> from{};           // the sender; for an ICMP error who complained
    std::optional<Address> to{};              // with packet information: to which of our addresses
    uint32_t interface = 0;                   // by which it came, or a stamped packet left
    bool to_our_address = true;               // false: to a broadcast or multicast address
    uint8_t ttl = 0;                          // with receiving of TTLs
    uint8_t traffic_class = 0;                // with receiving of those
    std::optional<std::string> icmp_error{};  // error queue: in words
    std::optional<uint32_t> mtu{};            // of an ICMP error about a packet too big
};

class Inbox {
public:
    // buffer_size: how much of a message is kept.
    explicit Inbox(size_t buffer_size);

    // At most a batch; fewer than a batch: the queue is empty for now.
    enum class Queue { packets, errors };
    std::span<const Delivered> read(int fd, Queue queue);

    static constexpr size_t batch = 64;

private:
    static constexpr size_t control_size = 256;

    void prepare();

    size_t buffer_size_;
    std::vector<uint8_t> buffers_;
    alignas(cmsghdr) std::array<uint8_t, batch * control_size> controls_{};
    std::array<sockaddr_storage, batch> senders_{};
    std::array<iovec, batch> vectors_{};
    std::array<mmsghdr, batch> headers_{};
    std::vector<Delivered> delivered_;
};

}  // namespace rehome::probe
