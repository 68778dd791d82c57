#include "vipd/adapter/worker.h"

#include <poll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "vipd/adapter/dpdk.h"

namespace rehome {

namespace {

constexpr uint16_t burst = 32;
constexpr Micros spin_before_sleep = 20;  // a reply often follows at once
constexpr Micros back_off = 200;          // where there is nothing to wait for
constexpr Micros hold_check_every = 100'000;

Frame frame_of(rte_mbuf& packet) {
    return {rte_pktmbuf_mtod(&packet, uint8_t*), packet.data_len, rte_pktmbuf_headroom(&packet),
            rte_pktmbuf_tailroom(&packet)};
}

void take_frame(rte_mbuf& packet, const Frame& frame) {
    packet.data_off = static_cast<uint16_t>(frame.data - static_cast<uint8_t*>(packet.buf_addr));
    packet.data_len = static_cast<uint16_t>(frame.length);
    packet.pkt_len = frame.length;
}

void signal(int fd) {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);  // full: signalled already
}

void drain(int fd) {
    uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(fd, &count, sizeof count);
}

}  // namespace

Worker::Worker(Parts parts, std::unique_ptr<Datapath> datapath)
    : parts_(std::move(parts)),
      datapath_(std::move(datapath)),
      next_hops_(
          [this](const Hop& hop, const Mac& mac, rte_mbuf* packet) {
              auto* bytes = rte_pktmbuf_mtod(packet, uint8_t*);
              std::copy(mac.begin(), mac.end(), bytes);
              const Mac& own = parts_.ports[hop.port]->mac();
              std::copy(own.begin(), own.end(), bytes + 6);
              queue(hop.port, packet);
          },
          [this](rte_mbuf* packet) {
              datapath_->count_drop(Drop::no_neighbour);
              rte_pktmbuf_free(packet);
          }),
      queues_(parts_.ports.size()),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      outbox_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    for (const auto& port : parts_.ports) {
        can_sleep_ = can_sleep_ && !port->wait_fds().empty();
    }
}

Worker::~Worker() {
    stopping_ = true;
    signal(wake_fd_);
    if (thread_.joinable()) {
        thread_.join();
    }
    ::close(wake_fd_);
    ::close(outbox_fd_);
}

Result<> Worker::start() {
    if (wake_fd_ < 0 || outbox_fd_ < 0) {
        return fail(Exit::world, "worker", "cannot make an eventfd");
    }
    thread_ = std::thread([this] { run(); });
    return ask([](Datapath&) {});
}

Result<> Worker::ask(const std::function<void(Datapath&)>& act) {
    auto request = std::make_shared<Request>();
    request->act = act;
    std::unique_lock lock(mutex_);
    requests_.push_back(request);
    asked_ = true;
    signal(wake_fd_);
    answered_.wait_for(lock, std::chrono::seconds(2), [&] { return request->done || failed_; });
    if (!request->done && !request->taken) {
        std::erase(requests_, request);
        return fail(Exit::world, "worker", failed_ ? "could not start" : "does not answer");
    }
    answered_.wait(lock, [&] { return request->done; });  // it is running: it ends
    return {};
}

Result<> Worker::set_forwarding(const Forwarding& forwarding) {
    return ask([&](Datapath& datapath) {
        datapath.replace_routes(forwarding.routes);
        next_hops_.update(forwarding.neighbours);
    });
}

Outbox Worker::take_outbox() {
    drain(outbox_fd_);
    const std::lock_guard lock(mutex_);
    return std::exchange(outbox_, {});
}

void Worker::serve_requests() {
    std::vector<std::shared_ptr<Request>> requests;
    {
        const std::lock_guard lock(mutex_);
        requests = std::exchange(requests_, {});
        asked_ = false;
        for (auto& request : requests) {
            request->taken = true;
        }
    }
    for (auto& request : requests) {
        request->act(*datapath_);
    }
    const std::lock_guard lock(mutex_);
    for (auto& request : requests) {
        request->done = true;
    }
    answered_.notify_all();
}

void Worker::publish() {
    auto wanted = next_hops_.take_wanted();
    if (wanted.empty() && resets_.empty()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    outbox_.wanted.insert(outbox_.wanted.end(), wanted.begin(), wanted.end());
    outbox_.resets.insert(outbox_.resets.end(), resets_.begin(), resets_.end());
    resets_.clear();
    signal(outbox_fd_);
}

void Worker::run() {
    if (!register_dpdk_thread()) {
        failed_ = true;
        answered_.notify_all();
        return;
    }
    Micros last_busy = monotonic_us();
    unsigned round = 0;
    while (!stopping_) {
        const Micros now = monotonic_us();
        if (asked_) {
            serve_requests();
        }
        bool busy = receive(now);
        if (!busy || ++round % 16 == 0) {
            busy = read_twins(now) || busy;
        }
        tick(now);
        flush();
        publish();
        if (busy) {
            last_busy = now;
        } else if (now - last_busy > spin_before_sleep) {
            sleep_until(std::min(datapath_->next_tick(now), next_expiry_), now);
        }
    }
    rte_thread_unregister();
}

bool Worker::receive(Micros now) {
    rte_mbuf* packets[burst];
    bool any = false;
    for (PortIndex i = 0; i < parts_.ports.size(); ++i) {
        const uint16_t count = parts_.ports[i]->receive(packets, burst);
        for (uint16_t k = 0; k < count; ++k) {
            handle(i, packets[k], now);
        }
        any = any || count > 0;
    }
    return any;
}

bool Worker::read_twins(Micros) {
    bool any = false;
    for (PortIndex i = 0; i < parts_.twins.size(); ++i) {
        for (uint16_t k = 0; k < burst; ++k) {
            rte_mbuf* packet = parts_.twins[i]->read(*parts_.pool);
            if (packet == nullptr) {
                break;
            }
            any = true;
            queue(i, packet);
        }
    }
    return any;
}

void Worker::handle(PortIndex port, rte_mbuf* packet, Micros now) {
    if (packet->nb_segs > 1 && rte_pktmbuf_linearize(packet) != 0) {
        datapath_->count_drop(Drop::too_big);
        rte_pktmbuf_free(packet);
        return;
    }
    Frame frame = frame_of(*packet);
    const Verdict verdict = datapath_->handle(frame, port, now);
    take_frame(*packet, frame);
    switch (verdict.way) {
        case Verdict::Way::forward:
            if (frame.length - ethernet_bytes > parts_.ports[verdict.hop.port]->mtu()) {
                datapath_->count_drop(Drop::too_big);
                break;
            }
            next_hops_.send(verdict.hop, packet, now);
            return;
        case Verdict::Way::punt:
            parts_.twins[port]->write(*packet);
            break;
        case Verdict::Way::consumed:
        case Verdict::Way::drop:
            break;
    }
    rte_pktmbuf_free(packet);
}

void Worker::emit(std::span<const uint8_t> ip_packet, const Hop& hop, Micros now) {
    rte_mbuf* packet = rte_pktmbuf_alloc(parts_.pool);
    if (packet == nullptr) {
        datapath_->count_drop(Drop::port_full);
        return;
    }
    const auto length = static_cast<uint16_t>(ethernet_bytes + ip_packet.size());
    auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(packet, length));
    if (bytes == nullptr) {
        datapath_->count_drop(Drop::too_big);
        rte_pktmbuf_free(packet);
        return;
    }
    const bool v4 = ip_packet[0] >> 4 == 4;
    bytes[12] = v4 ? 0x08 : 0x86;
    bytes[13] = v4 ? 0x00 : 0xdd;
    std::copy(ip_packet.begin(), ip_packet.end(), bytes + ethernet_bytes);
    next_hops_.send(hop, packet, now);
}

void Worker::queue(PortIndex port, rte_mbuf* packet) {
    queues_[port].push_back(packet);
    if (queues_[port].size() >= burst) {
        parts_.ports[port]->send(queues_[port].data(), static_cast<uint16_t>(queues_[port].size()));
        queues_[port].clear();
    }
}

void Worker::flush() {
    for (size_t i = 0; i < queues_.size(); ++i) {
        if (!queues_[i].empty()) {
            parts_.ports[i]->send(queues_[i].data(), static_cast<uint16_t>(queues_[i].size()));
            queues_[i].clear();
        }
    }
}

void Worker::tick(Micros now) {
    if (now >= datapath_->next_tick(now)) {
        datapath_->tick(
            now, [&](std::span<const uint8_t> packet, const Hop& hop) { emit(packet, hop, now); },
            [&](const Flow& flow) {
                resets_.push_back({flow.key.client, flow.key.vip, flow.server});
            });
    }
    if (now >= next_expiry_) {
        next_expiry_ = now + hold_check_every;
        next_hops_.expire(now);
    }
}

void Worker::sleep_until(Micros when, Micros now) {
    std::vector<pollfd> fds{{wake_fd_, POLLIN, 0}};
    for (const auto& twin : parts_.twins) {
        fds.push_back({twin->fd(), POLLIN, 0});
    }
    for (const auto& port : parts_.ports) {
        for (const int fd : port->wait_fds()) {
            fds.push_back({fd, POLLIN, 0});
        }
    }
    const Micros wait = std::clamp<Micros>(when - now, 0, can_sleep_ ? 1'000'000 : back_off);
    const timespec limit{wait / 1'000'000, wait % 1'000'000 * 1000};
    ::ppoll(fds.data(), fds.size(), &limit, nullptr);
    if ((fds[0].revents & POLLIN) != 0) {
        drain(wake_fd_);
    }
}

}  // namespace rehome
