// See capture.h.
#include "probe/adapter/capture.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <sys/socket.h>

#include "probe/adapter/answer_filter.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

// The filter comes before the protocol, without which nothing is delivered.
Result<Capture> Capture::open(const Path& path, const std::vector<uint16_t>& ports) {
    const std::string where = std::string(name(path.kind)) + " capture";
    Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
        return fail_system(where, "opening it (needs root or CAP_NET_RAW)");
    }
    const int stamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    if (setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPING, &stamping, sizeof stamping) != 0) {
        return fail_system(where, "time stamps");
    }
    if (!filter_captured(fd.get(), path, ports)) {
        return fail_system(where, "attaching the filter");
    }
    enlarge_receive_buffer(fd.get());
    const bool v6 = path.target.address.family == Family::v6;
    sockaddr_ll all{};
    all.sll_family = AF_PACKET;
    all.sll_protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0) {
        return fail_system(where, "bind");
    }
    return Capture(std::move(fd));
}

// The kernel begins to count anew with each question.
uint64_t Capture::drops() {
    tpacket_stats counted{};
    socklen_t size = sizeof counted;
    if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &counted, &size) == 0) {
        drops_ += counted.tp_drops;
    }
    return drops_;
}

}  // namespace rehome::probe
