#include "vipd/adapter/health/tunnels.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/socket_address.h"
#include "vipd/packet/server_tunnel.h"

namespace rehome::vipd {

namespace {

constexpr const char* tun_name = "checks";
constexpr int tun_mtu = 1280;  // what every tunnel and every way back carries

tl::unexpected<Error> trouble(const char* what) {
    return fail(Exit::world, "health checks",
                fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

// struct in6_ifreq, whose header (linux/ipv6.h) does not go with libc's.
struct Ipv6Address {
    std::array<uint8_t, 16> address{};
    uint32_t prefix_length = 128;
    int interface = 0;
};

bool give_v4(const Fd& fd, const Address& address) {
    ifreq request{};
    std::strncpy(request.ifr_name, tun_name, IFNAMSIZ - 1);
    const SocketAddress own = to_socket({address, 0});
    std::memcpy(&request.ifr_addr, &own.storage, sizeof(sockaddr_in));
    if (ioctl(fd.get(), SIOCSIFADDR, &request) != 0) {
        return false;
    }
    rtentry route{};
    route.rt_dst.sa_family = route.rt_genmask.sa_family = route.rt_gateway.sa_family = AF_INET;
    route.rt_flags = RTF_UP;
    std::array<char, IFNAMSIZ> device{};
    std::strncpy(device.data(), tun_name, IFNAMSIZ - 1);
    route.rt_dev = device.data();
    return ioctl(fd.get(), SIOCADDRT, &route) == 0 || errno == EEXIST;
}

bool give_v6(const Fd& fd, const Address& address) {
    Ipv6Address request;
    request.interface = static_cast<int>(if_nametoindex(tun_name));
    request.address = address.bytes;
    if (ioctl(fd.get(), SIOCSIFADDR, &request) != 0 && errno != EEXIST) {
        return false;
    }
    in6_rtmsg route{};
    route.rtmsg_flags = RTF_UP;
    route.rtmsg_metric = 1;
    route.rtmsg_ifindex = request.interface;
    return ioctl(fd.get(), SIOCADDRT, &route) == 0 || errno == EEXIST;
}

}  // namespace

Result<> CheckTunnels::open() {
    out_v4_ = Fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    out_v6_ = Fd(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    return out_v4_ ? Result<>() : trouble("open a raw socket");
}

Result<> CheckTunnels::enter() {
    if (unshare(CLONE_NEWNET) != 0) {
        return trouble("have a network namespace of its own for tunnels");
    }
    tun_ = Fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    std::strncpy(request.ifr_name, tun_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    const Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!tun_ || !control || ioctl(tun_.get(), TUNSETIFF, &request) != 0) {
        return trouble("make a TUN interface");
    }
    request.ifr_mtu = tun_mtu;
    if (ioctl(control.get(), SIOCSIFMTU, &request) != 0) {
        return trouble("set the TUN interface's MTU");
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(control.get(), SIOCSIFFLAGS, &request) == 0
               ? Result<>()
               : trouble("bring the TUN interface up");
}

Result<> CheckTunnels::give(const Address& from) {
    const Fd fd(socket(family_of(from), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const bool given = fd && (from.family == Family::v4 ? give_v4(fd, from) : give_v6(fd, from));
    return given ? Result<>() : trouble("give checks through tunnels an address and a route");
}

std::span<const uint8_t> CheckTunnels::read(std::span<uint8_t> room) const {
    const auto got = ::read(tun_.get(), room.data(), room.size());
    return room.first(got < 0 ? 0 : static_cast<size_t>(got));
}

void CheckTunnels::send(std::span<const uint8_t> packet, const CheckTunnel& tunnel,
                        uint16_t spread) const {
    std::array<uint8_t, 2048> out;
    const bool v4 = tunnel.server.family == Family::v4;
    const ServerTunnel by{tunnel.local, tunnel.server, tunnel.encapsulation == Encapsulation::gue,
                          spread};
    const uint32_t length = write_in_tunnel(out, packet, by);
    SocketAddress to = to_socket({tunnel.server, 0});
    if (length > 0) {
        sendto((v4 ? out_v4_ : out_v6_).get(), out.data(), length, MSG_DONTWAIT, to.get(), to.size);
    }
}

}  // namespace rehome::vipd
