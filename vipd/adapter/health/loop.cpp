#include "vipd/adapter/health/loop.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "common/clock.h"
#include "common/socket_address.h"
#include "vipd/health/health.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

namespace {

using Kind = HealthConfig::Kind;

constexpr size_t most_bytes = 1U << 20;  // of an answer that never has what is expected

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

}  // namespace

CheckLoop::CheckLoop(CheckDesk& desk, const CheckTunnels* tunnels)
    : desk_(desk),
      tunnels_(tunnels),
      wheel_(monotonic_us()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      random_(std::random_device{}()),
      next_port_(static_cast<uint16_t>(check_ports_first + random_() % check_ports)),
      echoes_(static_cast<uint16_t>(random_())),
      spread_(static_cast<uint16_t>(random_())),
      port_owner_(check_ports, nobody) {
    watch(desk_.wake_fd(), EPOLLIN, Tag::wake);
    if (tunnels_ != nullptr) {
        watch(tunnels_->fd(), EPOLLIN, Tag::tun);
    }
}

void CheckLoop::watch(int fd, uint32_t events, Tag tag, uint32_t id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = uint64_t{static_cast<uint32_t>(tag)} << 32 | id;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void CheckLoop::rewatch(const Place& place, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = uint64_t{static_cast<uint32_t>(Tag::check)} << 32 | place.endpoint.id;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, place.socket.get(), &event);
}

void CheckLoop::say(CheckNews news) {
    desk_.say(std::move(news));
    says_ = true;
}

void CheckLoop::run() {
    std::array<epoll_event, 256> events;
    std::vector<TimerWheel::Alarm> due;
    while (!desk_.stopping()) {
        const Micros now = monotonic_us();
        due.clear();
        wheel_.take_due(now, due);
        for (const auto& alarm : due) {
            ring(alarm.id, alarm.stamp, now);
        }
        if (says_) {
            says_ = false;
            desk_.tell();
        }
        // While some run, answers are taken together, a tick's at once: a thread that wakes for
        // each costs twice as much.  Those of tunnels are packets of a kernel that waits for them.
        const bool together = tunnels_ == nullptr && running_ > 0;
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

void CheckLoop::take_endpoints(Micros now) {
    auto endpoints = desk_.fresh();
    if (!endpoints) {
        return;
    }
    std::vector<uint32_t> ids;
    for (CheckedEndpoint& endpoint : *endpoints) {
        ids.push_back(endpoint.id);
        if (places_.contains(endpoint.id)) {
            continue;
        }
        if (endpoint.tunnel) {
            if (const auto given = CheckTunnels::give(endpoint.tunnel->from); !given) {
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
void CheckLoop::ring(uint32_t id, uint32_t stamp, Micros now) {
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

void CheckLoop::begin(Place& place, Micros now) {
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
bool CheckLoop::open(Place& place) {
    const Endpoint& at = place.endpoint.at;
    const bool udp = place.endpoint.how.kind == Kind::udp;
    place.socket = Fd(socket(family_of(at.address),
                             (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!place.socket) {
        not_run(place, errno, "open a socket");
        return false;
    }
    const int fd = place.socket.get();
    const int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const Address from =
        place.endpoint.tunnel ? place.endpoint.tunnel->from : Address{at.address.family, {}};
    int error = EADDRINUSE;
    for (uint32_t tries = 0; tries < check_ports && error == EADDRINUSE; ++tries) {
        const auto index = static_cast<uint16_t>(next_port_ - check_ports_first);
        const uint16_t port = next_port_;
        next_port_ = index + 1U == check_ports ? check_ports_first : next_port_ + 1;
        if (port_owner_[index] != nobody) {
            continue;
        }
        SocketAddress own = to_socket({from, port});
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
    SocketAddress to = to_socket(at);
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

// False: the check has ended.
bool CheckLoop::send_echo(Place& place) {
    const Address& to = place.endpoint.at.address;
    const bool watched = echoes_.fd(to.family) >= 0;
    const int error = echoes_.send(to, {place.endpoint.id, place.stamp});
    if (!watched && echoes_.fd(to.family) >= 0) {
        watch(echoes_.fd(to.family), EPOLLIN,
              to.family == Family::v4 ? Tag::echo_v4 : Tag::echo_v6);
    }
    if (error != 0 && ours(error)) {
        not_run(place, error, "send an echo");
    } else if (error != 0) {
        finish(place, place.attempt->on_error(std::strerror(error)));
    }
    return error == 0;
}

void CheckLoop::read_echoes(Family family) {
    while (const auto reply = echoes_.read(family)) {
        const auto found = places_.find(reply->mark.id);
        if (found != places_.end() && found->second.attempt &&
            found->second.stamp == reply->mark.stamp &&
            found->second.endpoint.at.address == reply->from) {
            finish(found->second, {true, {}});
        }
    }
}

void CheckLoop::take_event(Place& place, uint32_t events) {
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

void CheckLoop::go_on(Place& place, Attempt::Next next) {
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

void CheckLoop::flush(Place& place) {
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

void CheckLoop::read(Place& place) {
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

void CheckLoop::finish(Place& place, const CheckResult& result) {
    desk_.count(result.ok);
    const auto looks = place.count.add(result.ok);
    const bool fails_on = !result.ok && place.count.looks_down();
    if (looks) {
        say({*looks ? CheckNews::Looks::up : CheckNews::Looks::down, place.endpoint.id,
             result.why});
    } else if (fails_on && result.why != place.said_why) {
        say({CheckNews::Looks::still_down, place.endpoint.id, result.why});
    } else if (place.said_not_run) {
        say({CheckNews::Looks::as_before, place.endpoint.id, {}});
    }
    place.said_not_run = false;
    if (fails_on) {
        place.said_why = result.why;
    }
    rest(place);
}

// Said once.
void CheckLoop::not_run(Place& place, int error, const char* what) {
    desk_.count_not_run();
    if (!std::exchange(place.said_not_run, true)) {
        say({CheckNews::Looks::not_run, place.endpoint.id,
             fmt::format("cannot {}: {}", what, std::strerror(error))});
    }
    rest(place);
}

void CheckLoop::rest(Place& place) {
    const HealthConfig& how = place.endpoint.how;
    release(place);
    place.attempt.reset();
    --running_;
    const Micros jitter = Micros{how.interval_ms} * how.jitter_percent * 10;
    const Micros by = jitter == 0 ? 0 : static_cast<Micros>(random_() % (2 * jitter + 1)) - jitter;
    wheel_.set(place.started + Micros{how.interval_ms} * 1000 + by, place.endpoint.id,
               ++place.stamp);
}

void CheckLoop::release(Place& place) {
    place.socket = Fd();  // epoll forgets it
    if (place.port != 0) {
        port_owner_[place.port - check_ports_first] = nobody;
        place.port = 0;
    }
}

const CheckTunnel* CheckLoop::tunnel_of(std::span<const uint8_t> bytes) const {
    const auto packet = parse_packet(bytes, 0);
    if (!packet) {
        return nullptr;
    }
    uint32_t id = nobody;
    if (packet->has_ports && packet->source_port >= check_ports_first) {
        id = port_owner_[packet->source_port - check_ports_first];
    } else if (packet->icmp()) {
        const auto mark = Echoes::mark_of(bytes.subspan(packet->l4));
        id = mark ? mark->id : nobody;
    }
    const auto found = places_.find(id);
    return found == places_.end() || !found->second.endpoint.tunnel
               ? nullptr
               : &*found->second.endpoint.tunnel;
}

// Packets that the namespace's kernel sends: each goes into the tunnel of its check.
void CheckLoop::read_tun() {
    std::array<uint8_t, 2048> room;
    while (true) {
        const auto packet = tunnels_->read(room);
        if (packet.empty()) {
            return;
        }
        // Others are what a kernel says by itself, such as router solicitations.
        if (const CheckTunnel* tunnel = tunnel_of(packet)) {
            tunnels_->send(packet, *tunnel, spread_);
        }
    }
}

}  // namespace rehome::vipd
