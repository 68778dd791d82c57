#include "vipd/adapter/worker.h"

#include <poll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/clock.h"
#include "vipd/adapter/dpdk.h"

namespace rehome {

namespace {

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

Fate fate_of(const Verdict& verdict, const Datapath& datapath) {
    switch (verdict.way) {
        case Verdict::Way::forward:
            return {Fate::Way::forward, Drop::count_, datapath.hop(verdict).port};
        case Verdict::Way::punt:
            return {Fate::Way::punt, Drop::count_, 0};
        case Verdict::Way::consumed:
            return {Fate::Way::consumed, Drop::count_, 0};
        case Verdict::Way::drop:
            break;
    }
    return {Fate::Way::drop, verdict.drop, 0};
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
          datapath_->adjacencies(),
          [this](uint32_t number, rte_mbuf* packet) {
              const Adjacency& adjacency = datapath_->adjacencies()[number];
              Frame frame = frame_of(*packet);
              write_link_header(frame, link_of(frame.bytes()).header_bytes, adjacency);
              take_frame(*packet, frame);
              queue(adjacency.hop.port, packet);
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
    Sink sink;
    sink.emit = [this](std::span<const uint8_t> ip_packet, uint32_t adjacency) {
        emit(ip_packet, adjacency);
    };
    sink.punt = [this](std::span<const uint8_t> frame, PortIndex port) {
        if (rte_mbuf* packet = copy(frame, 0)) {
            parts_.twins[port]->write(*packet);
            rte_pktmbuf_free(packet);
        }
    };
    datapath_->set_sink(std::move(sink));
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
        datapath.replace_neighbours(forwarding.neighbours);
        next_hops_.release();
    });
}

Result<> Worker::set_observer(std::shared_ptr<Observer> observer) {
    return ask([&](Datapath&) { observer_ = std::move(observer); });
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
        const Micros now = now_ = monotonic_us();
        if (asked_) {
            serve_requests();
        }
        bool busy = receive();
        if (!busy || ++round % 16 == 0) {
            busy = read_twins() || busy;
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

bool Worker::receive() {
    rte_mbuf* packets[burst];
    bool any = false;
    for (PortIndex i = 0; i < parts_.ports.size(); ++i) {
        const uint16_t count = parts_.ports[i]->receive(packets, burst);
        if (count > 0) {
            handle(i, std::span(packets, count));
            any = true;
        }
    }
    return any;
}

bool Worker::read_twins() {
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

void Worker::handle(PortIndex port, std::span<rte_mbuf*> packets) {
    size_t count = 0;
    for (rte_mbuf* packet : packets) {
        if (packet->nb_segs > 1 && rte_pktmbuf_linearize(packet) != 0) [[unlikely]] {
            datapath_->count_drop(Drop::too_big);
            rte_pktmbuf_free(packet);
            continue;
        }
        jobs_[count].frame = frame_of(*packet);
        packets[count++] = packet;
    }
    for (size_t i = 0; observer_ != nullptr && i < count; ++i) {
        observer_->before(i, port, jobs_[i].frame.bytes(), now_);
    }
    datapath_->handle(std::span(jobs_).first(count), port, now_);
    for (size_t i = 0; observer_ != nullptr && i < count; ++i) {
        observer_->after(i, fate_of(jobs_[i].verdict, *datapath_), jobs_[i].frame.bytes(),
                         datapath_->tables());
    }
    for (size_t i = 0; i < count; ++i) {
        const Job& job = jobs_[i];
        if (job.frame.data != rte_pktmbuf_mtod(packets[i], uint8_t*) ||
            job.frame.length != packets[i]->data_len) {
            take_frame(*packets[i], job.frame);
        }
        if (job.verdict.way == Verdict::Way::forward) [[likely]] {
            if (job.verdict.port != Verdict::no_port) [[likely]] {
                queue(job.verdict.port, packets[i]);
            } else {
                next_hops_.hold(job.verdict.adjacency, packets[i], now_);
            }
            continue;
        }
        if (job.verdict.way == Verdict::Way::punt) {
            parts_.twins[port]->write(*packets[i]);
        }
        rte_pktmbuf_free(packets[i]);
    }
}

// A packet whose link header stands before it, if its adjacency is usable.
void Worker::send(uint32_t number, rte_mbuf* packet) {
    const Adjacency& adjacency = datapath_->adjacencies()[number];
    if (adjacency.usable) {
        queue(adjacency.hop.port, packet);
    } else {
        next_hops_.hold(number, packet, now_);
    }
}

// A packet of our own with those bytes behind some room; null where there is none.
rte_mbuf* Worker::copy(std::span<const uint8_t> bytes, uint16_t before) {
    rte_mbuf* packet = rte_pktmbuf_alloc(parts_.pool);
    if (packet == nullptr) {
        datapath_->count_drop(Drop::port_full);
        return nullptr;
    }
    const auto length = static_cast<uint16_t>(before + bytes.size());
    auto* at = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(packet, length));
    if (at == nullptr) {
        datapath_->count_drop(Drop::too_big);
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    std::fill_n(at, before, uint8_t{0});
    std::copy(bytes.begin(), bytes.end(), at + before);
    return packet;
}

void Worker::emit(std::span<const uint8_t> ip_packet, uint32_t number) {
    rte_mbuf* packet = copy(ip_packet, ethernet_bytes);
    if (packet == nullptr) {
        return;
    }
    Frame frame = frame_of(*packet);
    write_link_header(frame, ethernet_bytes, datapath_->adjacencies()[number]);
    take_frame(*packet, frame);
    send(number, packet);
}

void Worker::flush(PortIndex port) {
    Queue& queue = queues_[port];
    for (size_t i = 0; observer_ != nullptr && i < queue.count; ++i) {
        observer_->sent(port, frame_of(*queue.packets[i]).bytes(), now_);
    }
    parts_.ports[port]->send(queue.packets.data(), queue.count);
    queue.count = 0;
}

void Worker::flush() {
    for (PortIndex i = 0; i < queues_.size(); ++i) {
        if (queues_[i].count > 0) {
            flush(i);
        }
    }
}

void Worker::tick(Micros now) {
    if (now >= datapath_->next_tick(now)) {
        datapath_->tick(now, [&](const Flow& flow) {
            resets_.push_back({flow.client(), flow.vip(), flow.server()});
        });
    }
    if (now >= next_expiry_) {
        next_expiry_ = now + hold_check_every;
        next_hops_.tick(now);
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
