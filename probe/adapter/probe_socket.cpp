// See probe_socket.h.
#include "probe/adapter/probe_socket.h"

#include <fmt/format.h>
#include <linux/net_tstamp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "common/socket_address.h"
#include "probe/adapter/answer_filter.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

constexpr size_t send_batch = 64;

template <typename T>
bool set(int fd, int level, int option, const T& value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// An ICMP error that came in meanwhile makes one call fail, not the packet, which goes with a
// second call.  Not so what our own host refuses: its packet filter, its queues, its memory.
bool may_be_of_an_earlier_packet(int error) {
    return error != EPERM && error != EAGAIN && error != ENOBUFS && error != ENOMEM;
}

void allow_many_descriptors() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool bind_here(int fd, const Address& address, uint16_t port) {
    SocketAddress here = to_socket({address, port});
    return bind(fd, here.get(), here.size) == 0;
}

}  // namespace

Result<> ProbeSocket::create(const Path& path) {
    const std::string where = fmt::format("{} socket", name(path.kind));
    const Family family = path.target.address.family;
    const int type = path.kind == Kind::udp ? SOCK_DGRAM : SOCK_RAW;
    fd_ = Fd(socket(family_of(path.target.address), type | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    static_cast<int>(protocol_of(path.kind, family))));
    if (!fd_) {
        return fail_system(
            where, type == SOCK_RAW ? "opening it (needs root or CAP_NET_RAW)" : "opening it");
    }
    const int stamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                         SOF_TIMESTAMPING_OPT_CMSG;  // by which interface it left
    if (!set(fd_.get(), SOL_SOCKET, SO_TIMESTAMPING, stamping)) {
        return fail_system(where, "time stamps");
    }
    const bool reports = family == Family::v6 ? set(fd_.get(), IPPROTO_IPV6, IPV6_RECVERR, 1)
                                              : set(fd_.get(), IPPROTO_IP, IP_RECVERR, 1);
    if (!reports) {
        return fail_system(where, "error reports");
    }
    const bool interfaces = family == Family::v6 ? set(fd_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                                 : set(fd_.get(), IPPROTO_IP, IP_PKTINFO, 1);
    if (!interfaces) {
        return fail_system(where, "packet information");
    }
    enlarge_receive_buffer(fd_.get());  // the stamps of the probes share it with the answers
    return {};
}

// A size is of packets that are sent whole or not at all.
Result<> ProbeSocket::shape(const Path& path, const Plan& plan) {
    const std::string where = fmt::format("{} socket", name(path.kind));
    const bool v6 = path.target.address.family == Family::v6;
    const int traffic_class = plan.dscp << 2;
    if (!(v6 ? set(fd_.get(), IPPROTO_IPV6, IPV6_TCLASS, traffic_class)
             : set(fd_.get(), IPPROTO_IP, IP_TOS, traffic_class))) {
        return fail_system(where, "setting the DSCP");
    }
    const bool whole =
        plan.size == 0 || (v6 ? set(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO) &&
                                    set(fd_.get(), IPPROTO_IPV6, IPV6_DONTFRAG, 1)
                              : set(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO));
    return whole ? Result<>{} : fail_system(where, "forbidding fragments");
}

uint32_t ProbeSocket::mtu() const {
    int mtu = 0;
    socklen_t size = sizeof mtu;
    const bool known = getsockopt(fd_.get(), IPPROTO_IP, IP_MTU, &mtu, &size) == 0 ||
                       getsockopt(fd_.get(), IPPROTO_IPV6, IPV6_MTU, &mtu, &size) == 0;
    return known && mtu > 0 ? static_cast<uint32_t>(mtu) : 0;
}

// Bound, neither listening nor connected: the kernel finds no connection for an answer.
Result<> ProbeSocket::hold_ports(const Binding& binding, size_t count) {
    allow_many_descriptors();
    for (uint32_t port = first_source_port; port <= UINT16_MAX && ports_.size() < count; ++port) {
        Fd fd(socket(family_of(binding.source), SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!fd) {
            return fail_system("tcp source ports", "socket");
        }
        if (bind_here(fd.get(), binding.source, static_cast<uint16_t>(port))) {
            held_.push_back(std::move(fd));
            ports_.push_back(static_cast<uint16_t>(port));
        } else if (errno != EADDRINUSE) {
            return fail_system("source " + binding.source.text(), "bind");
        }
    }
    if (ports_.size() < count) {
        return fail(Exit::world, "tcp source ports",
                    fmt::format("{} are free from {} on, expected {}", ports_.size(),
                                first_source_port, count));
    }
    return {};
}

Result<> ProbeSocket::bind_udp(const Binding& binding) {
    for (uint32_t port = first_source_port; port <= UINT16_MAX; ++port) {
        if (bind_here(fd_.get(), binding.source, static_cast<uint16_t>(port))) {
            ports_ = {static_cast<uint16_t>(port)};
            return {};
        }
        if (errno != EADDRINUSE) {
            return fail_system("source " + binding.source.text(), "bind");
        }
    }
    return fail(Exit::world, "udp source port",
                fmt::format("none is free from {} on", first_source_port));
}

Result<> ProbeSocket::bind_to(const Path& path, const Binding& binding, size_t ports) {
    const std::string where = fmt::format("{} socket {}", name(path.kind), text(binding));
    if (binding.mark != 0 && !set(fd_.get(), SOL_SOCKET, SO_MARK, binding.mark)) {
        return fail_system(where, "setting the mark (needs root or CAP_NET_ADMIN)");
    }
    const std::string& interface = binding.interface;
    if (!interface.empty() && setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                                         static_cast<socklen_t>(interface.size())) != 0) {
        return fail_system(where, "binding to the interface");
    }
    if (path.kind == Kind::udp) {
        return bind_udp(binding);
    }
    if (!bind_here(fd_.get(), binding.source, 0)) {
        return fail_system(where, "binding to the source address");
    }
    return path.kind == Kind::tcp ? hold_ports(binding, ports) : Result<>{};
}

Result<ProbeSocket> ProbeSocket::open(const Path& path, const Binding& binding, size_t ports,
                                      const Plan& plan) {
    ProbeSocket probe;
    if (const auto created = probe.create(path); !created) {
        return tl::unexpected(created.error());
    }
    if (const auto shaped = probe.shape(path, plan); !shaped) {
        return tl::unexpected(shaped.error());
    }
    if (const auto bound = probe.bind_to(path, binding, ports); !bound) {
        return tl::unexpected(bound.error());
    }
    const std::string where = fmt::format("{} socket to {}", name(path.kind), path.target_text());
    if (!filter_answers(probe.fd(), path, probe.ports_)) {
        return fail_system(where, "attaching the filter");
    }
    SocketAddress target =
        to_socket({path.target.address, path.kind == Kind::udp ? path.target.port : uint16_t{0}});
    if (connect(probe.fd(), target.get(), target.size) != 0) {
        return fail_system(where, "connect");
    }
    if (const uint32_t mtu = probe.mtu(); mtu != 0 && plan.size > mtu) {
        return fail(Exit::world, "--size",
                    fmt::format("{} is too large for the way to {}, expected at most its MTU, {}",
                                plan.size, path.target_text(), mtu));
    }
    return probe;
}

// The request for a time stamp goes with each packet, not with the socket, so that no stamp of a
// farewell is taken for a probe's.
ProbeSocket::Sent ProbeSocket::send(std::span<const ByteView> packets) {
    struct alignas(cmsghdr) Control {
        std::array<uint8_t, CMSG_SPACE(sizeof(uint32_t))> bytes{};
    } control;
    std::array<iovec, send_batch> vectors{};
    std::array<mmsghdr, send_batch> headers{};
    const size_t count = std::min(packets.size(), send_batch);
    for (size_t i = 0; i < count; ++i) {
        vectors[i] = {const_cast<uint8_t*>(packets[i].data()), packets[i].size()};
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_control = control.bytes.data();
        headers[i].msg_hdr.msg_controllen = control.bytes.size();
    }
    if (count == 0) {
        return {};
    }
    cmsghdr* request = CMSG_FIRSTHDR(&headers[0].msg_hdr);
    request->cmsg_level = SOL_SOCKET;
    request->cmsg_type = SO_TIMESTAMPING;
    request->cmsg_len = CMSG_LEN(sizeof(uint32_t));
    const uint32_t stamp = SOF_TIMESTAMPING_TX_SOFTWARE;
    std::memcpy(CMSG_DATA(request), &stamp, sizeof stamp);

    int sent = sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(count), 0);
    if (sent < 0 && may_be_of_an_earlier_packet(errno)) {
        sent = sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(count), 0);
    }
    return sent < 0 ? Sent{0, errno} : Sent{static_cast<size_t>(sent), 0};
}

void ProbeSocket::send_unmeasured(ByteView packet) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::send(fd_.get(), packet.data(), packet.size(), 0) >= 0) {
            return;
        }
    }
}

}  // namespace rehome::probe
