// See inbox.h.
#include "probe/adapter/inbox.h"

#include <linux/errqueue.h>
#include <linux/if_packet.h>

#include <cstring>

#include "common/socket_address.h"
#include "probe/core/icmp_error.h"

namespace rehome::probe {

namespace {

// A control message's content, copied because it need not be aligned; nothing if it is too short.
template <typename T>
std::optional<T> content(cmsghdr* control) {
    if (control->cmsg_len < CMSG_LEN(sizeof(T))) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, CMSG_DATA(control), sizeof value);
    return value;
}

// ts[0] is the software stamp; zero when there is none.
void take_stamp(cmsghdr* control, Delivered& delivered) {
    const auto stamps = content<scm_timestamping>(control);
    if (stamps && (stamps->ts[0].tv_sec != 0 || stamps->ts[0].tv_nsec != 0)) {
        delivered.at = stamps->ts[0].tv_sec * 1'000'000'000 + stamps->ts[0].tv_nsec;
    }
}

struct ErrorWithOffender {
    sock_extended_err error;
    sockaddr_in6 offender;  // or a sockaddr_in, which is shorter
};

void take_error(cmsghdr* control, Delivered& delivered) {
    ErrorWithOffender report{};
    const size_t size = control->cmsg_len - CMSG_LEN(0);
    if (control->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) {
        return;
    }
    std::memcpy(&report, CMSG_DATA(control), std::min(size, sizeof report));
    const bool v4 = report.error.ee_origin == SO_EE_ORIGIN_ICMP;
    if (!v4 && report.error.ee_origin != SO_EE_ORIGIN_ICMP6) {
        return;  // of a time stamp, or an error of our own stack that the send call returns too
    }
    delivered.icmp_error =
        icmp_error_text(v4 ? Family::v4 : Family::v6, report.error.ee_type, report.error.ee_code);
    delivered.from = from_socket(reinterpret_cast<const sockaddr*>(&report.offender));
    if (report.error.ee_errno == EMSGSIZE) {
        delivered.mtu = report.error.ee_info;
    }
}

void take_packet_info(cmsghdr* control, Delivered& delivered) {
    if (control->cmsg_level == IPPROTO_IP) {
        if (const auto info = content<in_pktinfo>(control)) {
            delivered.interface = static_cast<uint32_t>(info->ipi_ifindex);
            delivered.to = from_bytes(Family::v4, &info->ipi_spec_dst);
            delivered.to_our_address = info->ipi_addr.s_addr == info->ipi_spec_dst.s_addr;
        }
    } else if (const auto info = content<in6_pktinfo>(control)) {
        delivered.interface = info->ipi6_ifindex;
        delivered.to = from_bytes(Family::v6, &info->ipi6_addr);
        delivered.to_our_address = !IN6_IS_ADDR_MULTICAST(&info->ipi6_addr);
    }
}

void take_control(cmsghdr* control, Delivered& delivered) {
    const int level = control->cmsg_level;
    const int type = control->cmsg_type;
    if (level == SOL_SOCKET && type == SCM_TIMESTAMPING) {
        take_stamp(control, delivered);
    } else if ((level == IPPROTO_IP && type == IP_RECVERR) ||
               (level == IPPROTO_IPV6 && type == IPV6_RECVERR)) {
        take_error(control, delivered);
    } else if ((level == IPPROTO_IP && type == IP_PKTINFO) ||
               (level == IPPROTO_IPV6 && type == IPV6_PKTINFO)) {
        take_packet_info(control, delivered);
    } else if ((level == IPPROTO_IP && type == IP_TTL) ||
               (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT)) {
        delivered.ttl = static_cast<uint8_t>(content<int>(control).value_or(0));
    } else if (level == IPPROTO_IP && type == IP_TOS) {
        delivered.traffic_class = content<uint8_t>(control).value_or(0);
    } else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
        delivered.traffic_class = static_cast<uint8_t>(content<int>(control).value_or(0));
    }
}

// Of a capture the link's address, of other sockets the network's.
void take_sender(const msghdr& header, Delivered& delivered) {
    const auto* sender = static_cast<const sockaddr*>(header.msg_name);
    if (header.msg_namelen >= offsetof(sockaddr_ll, sll_addr) && sender->sa_family == AF_PACKET) {
        const auto index = reinterpret_cast<const sockaddr_ll*>(sender)->sll_ifindex;
        delivered.interface = static_cast<uint32_t>(index);
    } else if (header.msg_namelen >= sizeof(sockaddr_in)) {
        delivered.from = from_socket(sender);
    }
}

Delivered read_message(mmsghdr& received) {
    msghdr& header = received.msg_hdr;
    Delivered delivered;
    delivered.bytes = {static_cast<const uint8_t*>(header.msg_iov->iov_base), received.msg_len};
    delivered.cut = (header.msg_flags & MSG_TRUNC) != 0;
    take_sender(header, delivered);
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        take_control(control, delivered);
    }
    return delivered;
}

}  // namespace

Inbox::Inbox(size_t buffer_size) : buffer_size_(buffer_size), buffers_(batch * buffer_size) {
    delivered_.reserve(batch);
}

void Inbox::prepare() {
    for (size_t i = 0; i < batch; ++i) {
        vectors_[i] = {&buffers_[i * buffer_size_], buffer_size_};
        headers_[i] = {};
        headers_[i].msg_hdr.msg_name = &senders_[i];
        headers_[i].msg_hdr.msg_namelen = sizeof senders_[i];
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
        headers_[i].msg_hdr.msg_control = &controls_[i * control_size];
        headers_[i].msg_hdr.msg_controllen = control_size;
    }
}

// An ICMP error also makes one call fail, with an errno that says nothing more than the error queue
// does; the packets behind it come with the next call.
std::span<const Delivered> Inbox::read(int fd, Queue queue) {
    constexpr int tries = 4;
    delivered_.clear();
    prepare();
    const int flags = MSG_DONTWAIT | (queue == Queue::errors ? MSG_ERRQUEUE : 0);
    int count = -1;
    for (int i = 0; i < tries && count < 0; ++i) {
        count = recvmmsg(fd, headers_.data(), batch, flags, nullptr);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
    }
    for (int i = 0; i < count; ++i) {
        delivered_.push_back(read_message(headers_[static_cast<size_t>(i)]));
    }
    return delivered_;
}

}  // namespace rehome::probe
