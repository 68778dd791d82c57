#include "vipd/adapter/health/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <random>
#include <unordered_map>

#include "common/clock.h"
#include "vipd/health/attempt.h"
#include "vipd/health/health.h"
#include "vipd/health/judge.h"
#include "vipd/health/wheel.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/packet.h"
#include "vipd/packet/server_tunnel.h"

namespace rehome::vipd {

namespace {

using Kind = HealthConfig::Kind;

constexpr const char* tun_name = "checks";
constexpr uint16_t tun_mtu = 1280;       // what every tunnel and every way back carries
constexpr size_t most_bytes = 1u << 20;  // of an answer that never has what is expected

tl::unexpected<Error> trouble(const char* what) {
    return fail(Exit::world, "health checks",
                fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Endpoint& endpoint) {
    SocketAddress out;
    if (endpoint.address.family == Family::v4) {
        auto* at = reinterpret_cast<sockaddr_in*>(&out.storage);
        at->sin_family = AF_INET;
        at->sin_port = htons(endpoint.port);
        std::memcpy(&at->sin_addr, endpoint.address.bytes.data(), 4);
        out.size = sizeof *at;
    } else {
        auto* at = reinterpret_cast<sockaddr_in6*>(&out.storage);
        at->sin6_family = AF_INET6;
        at->sin6_port = htons(endpoint.port);
        std::memcpy(&at->sin6_addr, endpoint.address.bytes.data(), 16);
        out.size = sizeof *at;
    }
    return out;
}

Endpoint any(Family family, uint16_t port) {
    return {{family, {}}, port};
}

int domain(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}

// What this host lacks says nothing of the server.
bool ours(int error) {
    switch (error) {
        case ENETUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
        case EADDRINUSE:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EPERM:
        case EACCES:
        case EINVAL:
            return true;
        default:
            return false;
    }
}

// struct in6_ifreq, and of raw sockets ICMP_FILTER, whose headers (linux/ipv6.h, linux/icmp.h) do
// not go with libc's.
struct Ipv6Address {
    std::array<uint8_t, 16> address{};
    uint32_t prefix_length = 128;
    int interface = 0;
};
constexpr int icmp_filter = 1;

// In the namespace of the calling thread: the interface has the address, and every route.
Result<> give_address(const Address& address) {
    const bool v4 = address.family == Family::v4;
    const Fd fd(socket(domain(address.family), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) {
        return trouble("open a socket");
    }
    if (v4) {
        ifreq request{};
        std::strncpy(request.ifr_name, tun_name, IFNAMSIZ - 1);
        const SocketAddress own = socket_address({address, 0});
        std::memcpy(&request.ifr_addr, own.get(), sizeof(sockaddr_in));
        if (ioctl(fd.get(), SIOCSIFADDR, &request) != 0) {
            return trouble("give checks through tunnels an address");
        }
        rtentry route{};
        route.rt_dst.sa_family = route.rt_genmask.sa_family = route.rt_gateway.sa_family = AF_INET;
        route.rt_flags = RTF_UP;
        std::array<char, IFNAMSIZ> device{};
        std::strncpy(device.data(), tun_name, IFNAMSIZ - 1);
        route.rt_dev = device.data();
        if (ioctl(fd.get(), SIOCADDRT, &route) != 0 && errno != EEXIST) {
            return trouble("give checks through tunnels a route");
        }
        return {};
    }
    Ipv6Address request;
    request.interface = static_cast<int>(if_nametoindex(tun_name));
    request.address = address.bytes;
    if (ioctl(fd.get(), SIOCSIFADDR, &request) != 0 && errno != EEXIST) {
        return trouble("give checks through tunnels an address");
    }
    in6_rtmsg route{};
    route.rtmsg_flags = RTF_UP;
    route.rtmsg_metric = 1;
    route.rtmsg_ifindex = request.interface;
    if (ioctl(fd.get(), SIOCADDRT, &route) != 0 && errno != EEXIST) {
        return trouble("give checks through tunnels a route");
    }
    return {};
}

// Fixed bytes behind an echo's header tell whose it is.
struct EchoMark {
    uint32_t id = 0, stamp = 0;
};
constexpr size_t echo_bytes = 8 + 8;

}  // namespace

// All of the thread's own.
class Prober::Loop {
public:
    explicit Loop(Prober& prober)
        : prober_(prober),
          wheel_(monotonic_us()),
          epoll_(epoll_create1(EPOLL_CLOEXEC)),
          random_(std::random_device{}()),
          next_port_(static_cast<uint16_t>(check_ports_first + random_() % check_ports)),
          echo_id_(static_cast<uint16_t>(random_())),
          port_owner_(check_ports, nobody) {
        watch(prober_.wake_.fd(), EPOLLIN, Tag::wake);
        if (prober_.tun_) {
            watch(prober_.tun_.get(), EPOLLIN, Tag::tun);
        }
    }

    void run();

private:
    static constexpr uint32_t nobody = UINT32_MAX;

    enum class Tag : uint32_t { wake, tun, echo_v4, echo_v6, check };
    struct Place {
        CheckedEndpoint endpoint;
        CheckScript script;
        RiseFall count;
        std::optional<Attempt> attempt{};  // while one runs
        uint32_t stamp = 0;                // of the one alarm that counts
        Micros started = 0;
        Fd socket{};
        uint16_t port = 0;  // 0: none
        bool connected = false;
        std::string to_send{};
        size_t received = 0;
        bool said_not_run = false;
    };

    void watch(int fd, uint32_t events, Tag tag, uint32_t id = 0) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = uint64_t{static_cast<uint32_t>(tag)} << 32 | id;
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    }
    void rewatch(const Place& place, uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = uint64_t{static_cast<uint32_t>(Tag::check)} << 32 | place.endpoint.id;
        epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, place.socket.get(), &event);
    }
    void take_endpoints(Micros now);
    void ring(uint32_t id, uint32_t stamp, Micros now);
    void begin(Place& place, Micros now);
    bool open(Place& place);
    bool send_echo(Place& place);
    int echo_socket(Family family);
    void take_event(Place& place, uint32_t events);
    void go_on(Place& place, Attempt::Next next);
    void flush(Place& place);
    void read(Place& place);
    void read_echoes(Family family);
    void read_tun();
    void finish(Place& place, const CheckResult& result);
    void not_run(Place& place, int error, const char* what);
    void rest(Place& place);
    void release(Place& place);
    void say(CheckNews news) {
        const std::lock_guard lock(prober_.mutex_);
        prober_.news_.push_back(std::move(news));
        says_ = true;
    }
    // Of the servers that are checked with this port, or which an echo is for.
    const CheckTunnel* tunnel_of(std::span<const uint8_t> packet) const;

    Prober& prober_;
    TimerWheel wheel_;
    Fd epoll_;
    std::minstd_rand random_;
    std::unordered_map<uint32_t, Place> places_;
    uint16_t next_port_;
    const uint16_t echo_id_;
    std::vector<uint32_t> port_owner_;  // ids
    Fd echo_v4_, echo_v6_;
    size_t running_ = 0;  // attempts
    bool says_ = false;
};

void Prober::Loop::run() {
    std::array<epoll_event, 256> events;
    std::vector<TimerWheel::Alarm> due;
    while (!prober_.stopping_) {
        const Micros now = monotonic_us();
        due.clear();
        wheel_.take_due(now, due);
        for (const auto& alarm : due) {
            ring(alarm.id, alarm.stamp, now);
        }
        if (says_) {
            says_ = false;
            prober_.told_.signal();
        }
        // While some run, answers are taken together, a tick's at once: a thread that wakes for
        // each costs twice as much.  Those of tunnels are packets of a kernel that waits for them.
        const bool together = !prober_.tun_ && running_ > 0;
        if (together) {
            const Micros rest = TimerWheel::tick - monotonic_us() % TimerWheel::tick;
            std::this_thread::sleep_for(std::chrono::microseconds(rest));
        }
        const Micros until = together ? 0 : wheel_.next() - monotonic_us();
        const Micros wait = std::clamp<Micros>(until, 0, 1'000'000);
        const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     static_cast<int>((wait + 999) / 1000));
        for (int i = 0; i < count; ++i) {
            const auto tag = static_cast<Tag>(events[i].data.u64 >> 32);
            if (tag == Tag::wake) {
                prober_.wake_.drain();
                take_endpoints(monotonic_us());
            } else if (tag == Tag::tun) {
                read_tun();
            } else if (tag == Tag::check) {
                const auto found = places_.find(static_cast<uint32_t>(events[i].data.u64));
                if (found != places_.end() && found->second.socket) {
                    take_event(found->second, events[i].events);
                }
            } else {
                read_echoes(tag == Tag::echo_v4 ? Family::v4 : Family::v6);
            }
        }
    }
}

void Prober::Loop::take_endpoints(Micros now) {
    std::vector<CheckedEndpoint> endpoints;
    {
        const std::lock_guard lock(prober_.mutex_);
        if (!prober_.fresh_) {
            return;
        }
        prober_.fresh_ = false;
        endpoints = std::move(prober_.endpoints_);
    }
    std::vector<uint32_t> ids;
    for (CheckedEndpoint& endpoint : endpoints) {
        ids.push_back(endpoint.id);
        if (places_.contains(endpoint.id)) {
            continue;
        }
        if (endpoint.tunnel) {
            if (const auto given = give_address(endpoint.tunnel->from); !given) {
                say({CheckNews::Looks::not_run, endpoint.id, given.error().what});
                continue;
            }
        }
        const HealthConfig& how = endpoint.how;
        const uint32_t id = endpoint.id;
        CheckScript script(how);
        const RiseFall count(how.rise, how.fall);
        const Micros first = now + static_cast<Micros>(random_() % (how.interval_ms + 1)) * 1000;
        places_.emplace(id, Place{std::move(endpoint), std::move(script), count});
        wheel_.set(first, id, 0);
    }
    std::sort(ids.begin(), ids.end());
    for (auto place = places_.begin(); place != places_.end();) {
        if (std::binary_search(ids.begin(), ids.end(), place->first)) {
            ++place;
        } else {
            running_ -= place->second.attempt ? 1 : 0;
            release(place->second);
            place = places_.erase(place);
        }
    }
}

// One alarm a place counts: of the next check, or of the time that the running one has.
void Prober::Loop::ring(uint32_t id, uint32_t stamp, Micros now) {
    const auto found = places_.find(id);
    if (found == places_.end() || found->second.stamp != stamp) {
        return;
    }
    Place& place = found->second;
    if (place.attempt) {
        finish(place, place.attempt->on_timeout());
    } else {
        begin(place, now);
    }
}

void Prober::Loop::begin(Place& place, Micros now) {
    const HealthConfig& how = place.endpoint.how;
    place.started = now;
    place.attempt.emplace(place.script);
    ++running_;
    place.connected = false;
    place.received = 0;
    place.to_send.clear();
    wheel_.set(now + Micros{how.timeout_ms} * 1000, place.endpoint.id, ++place.stamp);
    const bool begun = how.kind == Kind::icmp ? send_echo(place) : open(place);
    if (begun && place.attempt && how.kind == Kind::udp) {
        place.connected = true;
        go_on(place, place.attempt->on_connected());
    }
}

// False: the check has ended.
bool Prober::Loop::open(Place& place) {
    const Endpoint& at = place.endpoint.at;
    const Family family = at.address.family;
    const bool udp = place.endpoint.how.kind == Kind::udp;
    place.socket = Fd(
        socket(domain(family), (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!place.socket) {
        not_run(place, errno, "open a socket");
        return false;
    }
    const int fd = place.socket.get();
    const int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const Address from =
        place.endpoint.tunnel ? place.endpoint.tunnel->from : any(family, 0).address;
    int error = EADDRINUSE;
    for (uint32_t tries = 0; tries < check_ports && error == EADDRINUSE; ++tries) {
        const auto index = static_cast<uint16_t>(next_port_ - check_ports_first);
        const uint16_t port = next_port_;
        next_port_ = index + 1U == check_ports ? check_ports_first : next_port_ + 1;
        if (port_owner_[index] != nobody) {
            continue;
        }
        const SocketAddress own = socket_address({from, port});
        error = bind(fd, own.get(), own.size) == 0 ? 0 : errno;
        if (error == 0) {
            place.port = port;
            port_owner_[index] = place.endpoint.id;
        }
    }
    if (error != 0) {
        not_run(place, error, "have a port of its own");
        return false;
    }
    if (!udp) {
        const linger reset{1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        // A connection alone need not be confirmed: the reset does (as other checkers do it).
        const bool alone = place.script.size() == 0;
        setsockopt(fd, IPPROTO_TCP, alone ? TCP_QUICKACK : TCP_NODELAY, alone ? &off : &on,
                   sizeof on);
    }
    const SocketAddress to = socket_address(at);
    const int connected = connect(fd, to.get(), to.size);
    if (connected != 0 && errno != EINPROGRESS) {
        if (ours(errno)) {
            not_run(place, errno, "connect");
        } else {
            finish(place, place.attempt->on_error(std::strerror(errno)));
        }
        return false;
    }
    watch(fd, udp ? EPOLLIN : EPOLLOUT, Tag::check, place.endpoint.id);
    return true;
}

int Prober::Loop::echo_socket(Family family) {
    const bool v4 = family == Family::v4;
    Fd& fd = v4 ? echo_v4_ : echo_v6_;
    if (!fd) {
        fd = Fd(socket(domain(family), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
        if (v4) {
            const uint32_t only = ~(1U << ICMP_ECHOREPLY);
            setsockopt(fd.get(), SOL_RAW, icmp_filter, &only, sizeof only);
        } else {
            icmp6_filter only;
            ICMP6_FILTER_SETBLOCKALL(&only);
            ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
            setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only);
        }
        if (fd) {
            watch(fd.get(), EPOLLIN, v4 ? Tag::echo_v4 : Tag::echo_v6);
        }
    }
    return fd.get();
}

// False: the check has ended.
bool Prober::Loop::send_echo(Place& place) {
    const Endpoint& at = place.endpoint.at;
    const bool v4 = at.address.family == Family::v4;
    const int fd = echo_socket(at.address.family);
    if (fd < 0) {
        not_run(place, errno, "open a raw socket");
        return false;
    }
    std::array<uint8_t, echo_bytes> echo{};
    echo[0] = v4 ? uint8_t{ICMP_ECHO} : uint8_t{ICMP6_ECHO_REQUEST};
    store16(&echo[4], echo_id_);
    store16(&echo[6], static_cast<uint16_t>(place.stamp));
    store32(&echo[8], place.endpoint.id);
    store32(&echo[12], place.stamp);
    if (v4) {
        store16(&echo[2], fold_checksum(sum_words(echo)));  // the kernel makes ICMPv6's
    }
    const SocketAddress to = socket_address({at.address, 0});
    if (sendto(fd, echo.data(), echo.size(), 0, to.get(), to.size) < 0) {
        if (ours(errno)) {
            not_run(place, errno, "send an echo");
        } else {
            finish(place, place.attempt->on_error(std::strerror(errno)));
        }
        return false;
    }
    return true;
}

void Prober::Loop::read_echoes(Family family) {
    const bool v4 = family == Family::v4;
    std::array<uint8_t, 2048> room;
    while (true) {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const auto got = recvfrom(v4 ? echo_v4_.get() : echo_v6_.get(), room.data(), room.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0) {
            return;
        }
        std::span<const uint8_t> echo(room.data(), static_cast<size_t>(got));
        const size_t header = v4 && !echo.empty() ? (echo[0] & 15U) * 4U : 0;
        if (echo.size() < header + echo_bytes) {
            continue;
        }
        echo = echo.subspan(header);
        if (load16(&echo[4]) != echo_id_) {
            continue;
        }
        const auto found = places_.find(load32(&echo[8]));
        if (found == places_.end() || !found->second.attempt ||
            found->second.stamp != load32(&echo[12])) {
            continue;
        }
        Address source{family, {}};
        v4 ? std::memcpy(source.bytes.data(), &reinterpret_cast<sockaddr_in&>(from).sin_addr, 4)
           : std::memcpy(source.bytes.data(), &reinterpret_cast<sockaddr_in6&>(from).sin6_addr, 16);
        if (source == found->second.endpoint.at.address) {
            finish(found->second, {true, {}});
        }
    }
}

void Prober::Loop::take_event(Place& place, uint32_t events) {
    if (!place.connected) {
        int error = 0;
        socklen_t size = sizeof error;
        if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
            getsockopt(place.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
            error = error == 0 ? ECONNRESET : error;
        }
        if (error != 0) {
            return finish(place, place.attempt->on_error(std::strerror(error)));
        }
        place.connected = true;
        go_on(place, place.attempt->on_connected());
        if (place.attempt) {
            rewatch(place, EPOLLIN | (place.to_send.empty() ? 0U : uint32_t{EPOLLOUT}));
        }
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        flush(place);
        if (place.attempt && place.to_send.empty()) {
            rewatch(place, EPOLLIN);
        }
    }
    if (place.attempt && (events & ~uint32_t{EPOLLOUT}) != 0) {
        read(place);
    }
}

void Prober::Loop::go_on(Place& place, Attempt::Next next) {
    place.to_send += next.send;
    if (next.ended) {
        return finish(place, *next.ended);
    }
    const bool sends = !place.to_send.empty();
    flush(place);
    if (sends && place.attempt && !place.to_send.empty()) {
        rewatch(place, EPOLLIN | EPOLLOUT);
    }
}

void Prober::Loop::flush(Place& place) {
    while (!place.to_send.empty()) {
        const auto sent =
            send(place.socket.get(), place.to_send.data(), place.to_send.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) {
                finish(place, place.attempt->on_error(std::strerror(errno)));
            }
            return;
        }
        place.to_send.erase(0, static_cast<size_t>(sent));
    }
}

void Prober::Loop::read(Place& place) {
    std::array<char, 16384> room;
    const auto got = recv(place.socket.get(), room.data(), room.size(), 0);
    if (got < 0) {
        if (errno != EAGAIN) {
            finish(place, place.attempt->on_error(std::strerror(errno)));
        }
        return;
    }
    if (got == 0 && place.endpoint.how.kind != Kind::udp) {
        return finish(place, place.attempt->on_closed());
    }
    place.received += static_cast<size_t>(got);
    if (place.received > most_bytes) {
        return finish(place, place.attempt->on_error("too long an answer"));
    }
    go_on(place, place.attempt->on_bytes({room.data(), static_cast<size_t>(got)}));
}

void Prober::Loop::finish(Place& place, const CheckResult& result) {
    prober_.run_.fetch_add(1, std::memory_order_relaxed);
    if (!result.ok) {
        prober_.failed_.fetch_add(1, std::memory_order_relaxed);
    }
    const auto looks = place.count.add(result.ok);
    if (looks) {
        say({*looks ? CheckNews::Looks::up : CheckNews::Looks::down, place.endpoint.id,
             result.why});
    }
    place.said_not_run = false;
    rest(place);
}

// Said once.
void Prober::Loop::not_run(Place& place, int error, const char* what) {
    prober_.not_run_.fetch_add(1, std::memory_order_relaxed);
    if (!std::exchange(place.said_not_run, true)) {
        say({CheckNews::Looks::not_run, place.endpoint.id,
             fmt::format("cannot {}: {}", what, std::strerror(error))});
    }
    rest(place);
}

void Prober::Loop::rest(Place& place) {
    const HealthConfig& how = place.endpoint.how;
    release(place);
    place.attempt.reset();
    --running_;
    const Micros jitter = Micros{how.interval_ms} * how.jitter_percent * 10;
    const Micros by = jitter == 0 ? 0 : static_cast<Micros>(random_() % (2 * jitter + 1)) - jitter;
    wheel_.set(place.started + Micros{how.interval_ms} * 1000 + by, place.endpoint.id,
               ++place.stamp);
}

void Prober::Loop::release(Place& place) {
    place.socket = Fd();  // epoll forgets it
    if (place.port != 0) {
        port_owner_[place.port - check_ports_first] = nobody;
        place.port = 0;
    }
}

const CheckTunnel* Prober::Loop::tunnel_of(std::span<const uint8_t> bytes) const {
    const auto packet = parse_packet(bytes, 0);
    if (!packet) {
        return nullptr;
    }
    uint32_t id = nobody;
    if (packet->has_ports && packet->source_port >= check_ports_first) {
        id = port_owner_[packet->source_port - check_ports_first];
    } else if (packet->icmp() && packet->l4 + echo_bytes <= bytes.size()) {
        id = load32(&bytes[packet->l4 + 8]);
    }
    const auto found = places_.find(id);
    return found == places_.end() || !found->second.endpoint.tunnel
               ? nullptr
               : &*found->second.endpoint.tunnel;
}

// Packets that the namespace's kernel sends: each goes into the tunnel of its check.
void Prober::Loop::read_tun() {
    std::array<uint8_t, 2048> room, out;
    while (true) {
        const auto got = ::read(prober_.tun_.get(), room.data(), room.size());
        if (got <= 0) {
            return;
        }
        const std::span<const uint8_t> packet(room.data(), static_cast<size_t>(got));
        const CheckTunnel* tunnel = tunnel_of(packet);
        if (tunnel == nullptr) {
            continue;  // what a kernel says by itself, such as router solicitations
        }
        const bool v4 = tunnel->server.family == Family::v4;
        const ServerTunnel by{tunnel->local, tunnel->server,
                              tunnel->encapsulation == Encapsulation::gue, echo_id_};
        const uint32_t length = write_in_tunnel(out, packet, by);
        const SocketAddress to = socket_address({tunnel->server, 0});
        if (length > 0) {
            sendto((v4 ? prober_.out_v4_ : prober_.out_v6_).get(), out.data(), length, MSG_DONTWAIT,
                   to.get(), to.size);
        }
    }
}

Result<> Prober::prepare() {
    if (where_ == Where::host) {
        return {};
    }
    out_v4_ = Fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    out_v6_ = Fd(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    return out_v4_ ? Result<>() : trouble("open a raw socket");
}

Result<> Prober::enter_tunnels() {
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

Result<std::unique_ptr<Prober>> Prober::start(Where where) {
    auto prober = std::unique_ptr<Prober>(new Prober(where));
    if (!prober->wake_.there() || !prober->told_.there()) {
        return fail(Exit::world, "health checks", "cannot make an eventfd");
    }
    if (auto prepared = prober->prepare(); !prepared) {
        return tl::unexpected(prepared.error());
    }
    std::promise<Result<>> begun;
    prober->thread_ = std::thread([own = prober.get(), &begun] {
        pthread_setname_np(pthread_self(),
                           own->where_ == Where::host ? "vipd-checks" : "vipd-tunnelled");
        auto entered = own->where_ == Where::host ? Result<>() : own->enter_tunnels();
        const bool runs = entered.has_value();
        begun.set_value(std::move(entered));
        if (runs) {
            Loop(*own).run();
        }
    });
    if (auto result = begun.get_future().get(); !result) {
        return tl::unexpected(result.error());
    }
    return prober;
}

Prober::~Prober() {
    stopping_ = true;
    wake_.signal();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Prober::set(std::vector<CheckedEndpoint> endpoints) {
    {
        const std::lock_guard lock(mutex_);
        endpoints_ = std::move(endpoints);
        fresh_ = true;
    }
    wake_.signal();
}

std::vector<CheckNews> Prober::take() {
    told_.drain();
    const std::lock_guard lock(mutex_);
    return std::exchange(news_, {});
}

CheckCounts Prober::counts() const {
    return {run_.load(std::memory_order_relaxed), failed_.load(std::memory_order_relaxed),
            not_run_.load(std::memory_order_relaxed)};
}

}  // namespace rehome::vipd
