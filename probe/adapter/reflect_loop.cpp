// See reflect_loop.h.
#include "probe/adapter/reflect_loop.h"
#include "common/stop_signal.h"

#include <fmt/format.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <array>

#include "common/socket_address.h"
#include "probe/adapter/inbox.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/system_clock.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

constexpr size_t longest_request = 9216;
constexpr Nanos one_second = 1'000'000'000;

bool set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Told with each packet: to which address, with which TTL and class, and when.  An answer is as
// long as its request, and goes whole or not at all, as it would not measure the same otherwise.
bool ask_for_details(int fd, Family family) {
    const int stamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    if (!set(fd, SOL_SOCKET, SO_TIMESTAMPING, stamping)) {
        return false;
    }
    if (family == Family::v6) {
        return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
               set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
               set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
               set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
               set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) &&
               set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
    }
    return set(fd, IPPROTO_IP, IP_PKTINFO, 1) && set(fd, IPPROTO_IP, IP_RECVTTL, 1) &&
           set(fd, IPPROTO_IP, IP_RECVTOS, 1) &&
           set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

Result<Fd> open_one(const Endpoint& here) {
    const std::string where = "reflector " + here.text();
    Fd fd(socket(family_of(here.address), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || !ask_for_details(fd.get(), here.address.family)) {
        return fail_system(where, "socket");
    }
    enlarge_receive_buffer(fd.get());
    SocketAddress address = to_socket(here);
    if (bind(fd.get(), address.get(), address.size) != 0) {
        return fail_system(where, errno == EACCES
                                      ? "bind (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
                                      : "bind");
    }
    return fd;
}

// The answer leaves from the address that was asked, whatever the route's own source would be, with
// the DSCP of the request.
class Answering {
public:
    Answering(const Endpoint& to, const Address& from, uint8_t traffic_class, ByteView answer)
        : to_(to_socket(to)) {
        constexpr int dscp = 0xfc;  // without the two bits of ECN, which are the network's
        const int of_answer = traffic_class & dscp;
        vector_ = {const_cast<uint8_t*>(answer.data()), answer.size()};
        header_.msg_name = to_.get();
        header_.msg_namelen = to_.size;
        header_.msg_iov = &vector_;
        header_.msg_iovlen = 1;
        header_.msg_control = control_.data();
        if (from.family == Family::v6) {
            in6_pktinfo info{};
            std::copy_n(from.bytes.begin(), 16, info.ipi6_addr.s6_addr);
            add(IPPROTO_IPV6, IPV6_PKTINFO, info);
            add(IPPROTO_IPV6, IPV6_TCLASS, of_answer);
        } else {
            in_pktinfo info{};
            std::memcpy(&info.ipi_spec_dst, from.bytes.data(), 4);
            add(IPPROTO_IP, IP_PKTINFO, info);
            add(IPPROTO_IP, IP_TOS, of_answer);
        }
    }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

    bool send(int fd) const { return sendmsg(fd, &header_, MSG_DONTWAIT) >= 0; }

private:
    template <typename T>
    void add(int level, int type, const T& info) {
        auto* control = reinterpret_cast<cmsghdr*>(control_.data() + header_.msg_controllen);
        header_.msg_controllen += CMSG_SPACE(sizeof info);
        control->cmsg_level = level;
        control->cmsg_type = type;
        control->cmsg_len = CMSG_LEN(sizeof info);
        std::memcpy(CMSG_DATA(control), &info, sizeof info);
    }

    SocketAddress to_;
    iovec vector_{};
    msghdr header_{};
    alignas(cmsghdr) std::array<uint8_t, 64> control_{};  // of two messages
};

// SIGUSR1 as something to read.
Result<Fd> watch_questions() {
    sigset_t question;
    sigemptyset(&question);
    sigaddset(&question, SIGUSR1);
    sigprocmask(SIG_BLOCK, &question, nullptr);
    Fd fd(signalfd(-1, &question, SFD_NONBLOCK | SFD_CLOEXEC));
    return fd ? Result<Fd>(std::move(fd)) : fail_system("reflector", "signalfd");
}

bool take_question(const Fd& questions) {
    signalfd_siginfo question{};
    return read(questions.get(), &question, sizeof question) == sizeof question;
}

void answer(int fd, const Delivered& packet, Reflector& reflector) {
    if (!packet.from || !packet.to) {
        return;
    }
    const Received received{.message = packet.bytes,
                            .from = *packet.from,
                            .to = *packet.to,
                            .cut = packet.cut,
                            .to_our_address = packet.to_our_address,
                            .ttl = packet.ttl,
                            .at = packet.at.value_or(realtime_now())};
    if (reflector.decide(received, monotonic_now()) != Reflection::answered) {
        return;
    }
    std::array<uint8_t, longest_request> room;
    const size_t size = reflector.construct(received, realtime_now(), room);
    if (!Answering(*packet.from, *packet.to, packet.traffic_class, ByteView(room).first(size))
             .send(fd)) {
        reflector.count_send_failure();
    }
}

}  // namespace

Result<std::vector<Fd>> open_reflector(const std::optional<Address>& listen, uint16_t port) {
    std::vector<Address> addresses{listen.value_or(Address::v4(0))};
    if (!listen && Fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {  // the kernel may lack it
        addresses.emplace_back().family = Family::v6;
    }
    std::vector<Fd> sockets;
    for (const Address& address : addresses) {
        Result<Fd> fd = open_one({address, port});
        if (!fd) {
            return tl::unexpected(fd.error());
        }
        sockets.push_back(std::move(*fd));
    }
    return sockets;
}

Result<> reflect(const std::vector<Fd>& sockets, Reflector& reflector, const Showing& showing) {
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    const Result<Fd> questions = watch_questions();
    if (!questions) {
        return tl::unexpected(questions.error());
    }
    std::vector<pollfd> polls{{.fd = stop->fd(), .events = POLLIN, .revents = 0},
                              {.fd = questions->get(), .events = POLLIN, .revents = 0}};
    for (const Fd& fd : sockets) {
        polls.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
    }
    Inbox inbox(longest_request);
    Nanos next_tick = monotonic_now() + one_second;
    while (polls.front().revents == 0) {
        constexpr int tick_ms = 1000;
        if (poll(polls.data(), polls.size(), tick_ms) < 0 && errno != EINTR) {
            return fail_system("reflector", "poll");
        }
        if (take_question(*questions)) {
            showing.asked();
        }
        if (monotonic_now() >= next_tick) {
            next_tick = monotonic_now() + one_second;
            showing.tick();
        }
        for (const Fd& fd : sockets) {
            for (const Delivered& packet : inbox.read(fd.get(), Inbox::Queue::packets)) {
                answer(fd.get(), packet, reflector);
            }
        }
    }
    return {};
}

}  // namespace rehome::probe
