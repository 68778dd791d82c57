#include "vipd/adapter/worker.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/clock.h"
#include "vipd/adapter/dpdk.h"
#include "vipd/path/tags.h"

namespace rehome::vipd {

namespace {

constexpr Micros spin_before_sleep = 20;  // a reply often follows at once
constexpr Micros back_off = 200;          // where there is nothing to wait for
constexpr Micros hold_check_every = 100'000;
constexpr Micros patience = 2'000'000;  // of who asks it

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
    switch (verdict.kind) {
        case Verdict::Kind::forward:
            return {Fate::Kind::forward, Drop::count_, datapath.hop(verdict).port};
        case Verdict::Kind::punt:
        case Verdict::Kind::check:
            return {Fate::Kind::punt, Drop::count_, 0};
        case Verdict::Kind::consumed:
            return {Fate::Kind::consumed, Drop::count_, 0};
        case Verdict::Kind::kept:
        case Verdict::Kind::wait:
            return {Fate::Kind::kept, Drop::count_, 0};
        case Verdict::Kind::drop:
            break;
    }
    return {Fate::Kind::drop, verdict.drop, 0};
}

void free_all(std::span<rte_mbuf*> packets) {
    if (!packets.empty()) {
        rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
    }
}

// In one piece, as the datapath wants it; false: it does not fit one.
bool make_linear(rte_mbuf& packet) {
    return packet.nb_segs == 1 || rte_pktmbuf_linearize(&packet) == 0;
}

}  // namespace

Worker::Worker(uint32_t number, Shared& shared, std::unique_ptr<Datapath> datapath,
               std::unique_ptr<Ownership> ownership)
    : number_(number),
      shared_(shared),
      datapath_(std::move(datapath)),
      ownership_(std::move(ownership)),
      next_hops_(
          datapath_->adjacencies(),
          [this](uint32_t at, rte_mbuf* packet, const Bill& bill) {
              const Adjacency& adjacency = datapath_->adjacencies()[at];
              Frame frame = frame_of(*packet);
              write_link_header(frame, link_of(frame.bytes()).header_bytes, adjacency);
              take_frame(*packet, frame);
              datapath_->count_sent(bill);
              queue(adjacency.hop.port, packet);
          },
          [this](PortIndex port, rte_mbuf* packet) { handle(port, std::span(&packet, 1)); },
          [this](uint32_t at, rte_mbuf* packet, const Bill& bill) {
              datapath_->count_drop(Drop::no_neighbour, bill);
              show_lost(datapath_->adjacencies()[at].hop.port, frame_of(*packet).bytes(),
                        Drop::no_neighbour);
              rte_pktmbuf_free(packet);
          }),
      departures_(shared_.ports.size()),
      passing_(shared_.workers) {
    take_queues();
    if (ownership_) {
        ownership_->on_lost([this](std::span<const uint8_t> frame, PortIndex port, Drop why) {
            datapath_->count_drop(why);
            show_lost(port, frame, why);
        });
        ownership_->set_believes(
            [this](const Classified& what) { return believable(datapath_->snapshot(), what); });
    }
    Sink sink;
    sink.emit = [this](std::span<const uint8_t> ip_packet, uint32_t adjacency) {
        emit(ip_packet, adjacency);
    };
    sink.punt = [this](std::span<const uint8_t> frame, PortIndex port) {
        if (rte_mbuf* packet = copy(frame, 0)) {
            hand_up(port, *packet);
            rte_pktmbuf_free(packet);
        }
    };
    sink.lost = [this](std::span<const uint8_t> frame, PortIndex port, Drop why) {
        show_lost(port, frame, why);
    };
    outbox_.listen(sink);
    datapath_->set_sink(std::move(sink));
    acts_on_ = datapath_->snapshot().epoch;
    round_at_ = monotonic_us();
}

// Each queue of a port has one worker, which both receives from it and sends to it.  Where there is
// one for each worker, queue q is worker q's, as a NIC spreads packets; single ones are dealt out.
void Worker::take_queues() {
    const uint32_t workers = shared_.workers;
    const auto ports = static_cast<PortIndex>(shared_.ports.size());
    for (PortIndex port_index = 0; port_index < ports; ++port_index) {
        const Port& port = *shared_.ports[port_index];
        const uint32_t i = port.rx_queues() >= workers ? 0 : port_index;
        for (uint16_t q = 0; q < port.rx_queues(); ++q) {
            if ((i + q) % workers == number_) {
                polls_.push_back({port_index, q});
                can_sleep_ = can_sleep_ && (port.only_sends() || !port.wait_fds(q).empty());
            }
        }
        const uint32_t own = (number_ + workers - i % workers) % workers;
        const uint32_t q = own < port.tx_queues() ? own : number_ % port.tx_queues();
        departures_[port_index].queue = static_cast<uint16_t>(q);
        departures_[port_index].worker = (i + q) % workers;
    }
}

void Worker::stop() {
    stopping_ = true;
    wake_.signal();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Worker::~Worker() {
    stop();
    for (auto& batch : passing_) {
        rte_pktmbuf_free_bulk(batch.packets.data(), batch.count);
    }
}

Result<> Worker::start() {
    if (!wake_.there() || !outbox_.event().there()) {
        return fail(Exit::world, "worker", "cannot make an eventfd");
    }
    thread_ = std::thread([this] { run(); });
    return ask([](Datapath&) {});
}

bool Worker::silent() const {
    return monotonic_us() - last_round() > patience;
}

Result<> Worker::ask(const std::function<void(Datapath&)>& act) {
    const auto no_answer = fail(Exit::world, fmt::format("worker {}", number_), "does not answer");
    if (silent()) {
        return no_answer;  // who waited for it once more would be late himself
    }
    auto request = std::make_shared<Request>();
    request->act = act;
    std::unique_lock lock(mutex_);
    requests_.push_back(request);
    asked_ = true;
    wake_.signal();
    answered_.wait_for(lock, std::chrono::microseconds(patience),
                       [&] { return request->done || failed_; });
    if (!request->done && !request->taken) {
        std::erase(requests_, request);
        return failed_ ? fail(Exit::world, fmt::format("worker {}", number_), "could not start")
                       : no_answer;
    }
    answered_.wait(lock, [&] { return request->done; });  // it is running: it ends
    return {};
}

void Worker::offer(std::shared_ptr<const Snapshot> snapshot) {
    {
        const std::lock_guard lock(mutex_);
        offer_.snapshot = std::move(snapshot);
        offered_.store(true, std::memory_order_release);
    }
    wake_.signal();
}

void Worker::offer(const Forwarding& forwarding) {
    {
        const std::lock_guard lock(mutex_);
        offer_.forwarding = forwarding;
        offered_.store(true, std::memory_order_release);
    }
    wake_.signal();
}

std::vector<Endings::Course> Worker::endings() const {
    const std::lock_guard lock(mutex_);
    return endings_;
}

Worker::IdleReset Worker::idle_reset() const {
    const std::lock_guard lock(mutex_);
    return idle_reset_;
}

void Worker::publish_resets() {
    const auto& now = datapath_->endings().courses();
    const auto& idle = datapath_->idle_reset();
    const IdleReset idle_now{idle.running(), idle.flows_reset()};
    if (now == endings_ && idle_now == idle_reset_) {
        return;
    }
    const auto same = [](const Endings::Course& a, const Endings::Course& b) {
        return a.id == b.id && a.running == b.running && a.left.has_value() == b.left.has_value();
    };
    const bool other = !std::equal(now.begin(), now.end(), endings_.begin(), endings_.end(), same);
    {
        const std::lock_guard lock(mutex_);
        endings_ = now;
        idle_reset_ = idle_now;
    }
    if (other) {
        outbox_.event().signal();
    }
}

void Worker::empty_rings(uint64_t epoch) {
    to_drain_.store(epoch, std::memory_order_release);
    wake_.signal();
}

// Between two rounds, when nothing that was decided before waits here: it is all sent, or in rings.
void Worker::take_offer() {
    if (!offered_.load(std::memory_order_acquire)) {
        return;
    }
    Offer offer;
    {
        const std::lock_guard lock(mutex_);
        offer = std::exchange(offer_, {});
        offered_.store(false, std::memory_order_relaxed);
    }
    if (offer.forwarding) {
        datapath_->replace_routes(offer.forwarding->routes);
        datapath_->replace_neighbours(offer.forwarding->neighbours);
        next_hops_.release();
    }
    if (offer.snapshot == nullptr) {
        return;
    }
    if (ownership_ && offer.snapshot->tables.get() != &datapath_->tables()) {
        ownership_->set_tables(offer.snapshot->tables);
    }
    const uint64_t epoch = offer.snapshot->epoch;
    datapath_->take(std::move(offer.snapshot), now_);
    publish_resets();
    acts_on_.store(epoch, std::memory_order_release);
    outbox_.event().signal();
}

Result<> Worker::set_observer(std::shared_ptr<Observer> observer) {
    return ask([&](Datapath&) { observer_ = std::move(observer); });
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
    take_offer();
    for (auto& request : requests) {
        request->act(*datapath_);
    }
    const std::lock_guard lock(mutex_);
    for (auto& request : requests) {
        request->done = true;
    }
    answered_.notify_all();
}

void Worker::run() {
    if (!register_dpdk_thread()) {
        failed_ = true;
        answered_.notify_all();
        return;
    }
    pthread_setname_np(pthread_self(), fmt::format("vipd-{}", number_).c_str());
    Micros last_busy = monotonic_us();
    unsigned round = 0;
    while (!stopping_) {
        const Micros now = now_ = monotonic_us();
        round_at_.store(now, std::memory_order_relaxed);
        if (asked_) {
            serve_requests();
        }
        take_offer();
        const uint64_t to_drain = to_drain_.load(std::memory_order_acquire);
        const bool drains = to_drain != drained_.load(std::memory_order_relaxed);
        bool busy = receive();
        if (ownership_) {
            busy = take_handed_over(drains) || busy;
        }
        if (number_ == 0 && (!busy || ++round % 16 == 0)) {
            busy = read_twins() || busy;
        }
        tick(now);
        flush();
        outbox_.hand_over(next_hops_.take_wanted());
        if (drains) {
            drained_.store(to_drain, std::memory_order_release);
            outbox_.event().signal();
        }
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
    for (const Poll& poll : polls_) {
        const uint16_t count = shared_.ports[poll.port]->receive(poll.queue, packets, burst);
        if (count == 0) {
            continue;
        }
        any = true;
        if (ownership_ && !shared_.ports[poll.port]->spreads_by_owner()) {
            sort(poll.port, std::span(packets, count));
        } else {
            handle(poll.port, std::span(packets, count));
        }
    }
    return any;
}

// all: whatever waits there now.
bool Worker::take_handed_over(bool all) {
    bool any = false;
    for (uint32_t from = 0; from < shared_.workers; ++from) {
        if (from == number_) {
            continue;
        }
        uint32_t left = all ? shared_.handover->waiting(from, number_) : 1;
        while (left > 0) {
            const uint32_t taken = take_from(from);
            left = taken == 0 ? 0 : left - std::min(left, taken);
            any = any || taken > 0;
        }
    }
    return any;
}

// What others hand over comes in runs of one mark.
uint16_t Worker::take_from(uint32_t worker) {
    rte_mbuf* packets[burst];
    const uint16_t count = shared_.handover->take(worker, number_, packets, burst);
    for (uint16_t i = 0; i < count; ++i) {
        rte_prefetch0(packets[i]);
    }
    for (uint16_t i = 0; i < count; ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    }
    for (uint16_t first = 0, last = 0; first < count; first = last) {
        const Mark mark = mark_of(*packets[first]);
        while (last < count && mark_of(*packets[last]) == mark) {
            ++last;
        }
        const std::span run(packets + first, size_t{last} - first);
        if (mark.what == Mark::For::owner) {
            handle(mark.port, run);
        } else if (mark.what == Mark::For::desk) {
            sort(mark.port, run);
        } else {
            for (rte_mbuf* packet : run) {
                queue(mark.port, packet);
            }
        }
    }
    return count;
}

// Handles what is ours and passes on what is others'.
void Worker::sort(PortIndex port, std::span<rte_mbuf*> packets) {
    size_t ours = 0;
    for (rte_mbuf* packet : packets) {
        if (keeps(port, packet)) {
            packets[ours++] = packet;
        }
    }
    if (ours > 0) {
        handle(port, packets.first(ours));
    }
}

// Whether the packet is ours to handle with its burst; else it is on its way, or gone.
bool Worker::keeps(PortIndex port, rte_mbuf* packet) {
    if (!make_linear(*packet)) [[unlikely]] {
        return true;  // handle() says why not
    }
    const auto next = ownership_->next(frame_of(*packet), port, now_);
    switch (next.to) {
        case Ownership::Next::To::owner:
            if (next.releases) [[unlikely]] {
                break;
            }
            if (next.worker == number_) {
                return true;
            }
            give(next.worker, {Mark::For::owner, port}, packet);
            return false;
        case Ownership::Next::To::desk:
            give(next.worker, {Mark::For::desk, port}, packet);
            return false;
        case Ownership::Next::To::all:
            for (uint32_t worker = 0; worker < shared_.workers; ++worker) {
                rte_mbuf* copied = worker == number_
                                       ? nullptr
                                       : rte_pktmbuf_copy(packet, shared_.pool, 0, UINT32_MAX);
                if (copied != nullptr) {
                    give(worker, {Mark::For::owner, port}, copied);
                }
            }
            return true;
        case Ownership::Next::To::drop:
            if (observer_ != nullptr) {
                const Frame frame = frame_of(*packet);
                observer_->before(0, port, frame.bytes(), now_, datapath_->tables());
                observer_->after(0, {Fate::Kind::drop, next.drop, 0}, frame.bytes(),
                                 datapath_->tables());
            }
            datapath_->count_drop(next.drop);
            [[fallthrough]];
        case Ownership::Next::To::held:
            rte_pktmbuf_free(packet);
            return false;
    }
    // The first fragment goes first, then what waited for it.
    if (next.worker == number_) {
        handle(port, std::span(&packet, 1));
    } else {
        give(next.worker, {Mark::For::owner, port}, packet);
    }
    release_fragments();
    return false;
}

void Worker::release_fragments() {
    ownership_->release(now_, [this](std::span<uint8_t> bytes, PortIndex port, uint32_t owner) {
        rte_mbuf* packet = copy(bytes, 0);
        if (packet == nullptr) {
            return;
        }
        if (owner == number_) {
            handle(port, std::span(&packet, 1));
        } else {
            give(owner, {Mark::For::owner, port}, packet);
        }
    });
}

void Worker::give(uint32_t worker, Mark mark, rte_mbuf* packet) {
    set_mark(*packet, mark);
    Batch& batch = passing_[worker];
    batch.packets[batch.count++] = packet;
    if (batch.count == burst) {
        give_all(worker);
    }
}

void Worker::give_all(uint32_t worker) {
    Batch& batch = passing_[worker];
    const uint16_t taken =
        shared_.handover->give(number_, worker, batch.packets.data(), batch.count);
    for (uint16_t i = taken; i < batch.count; ++i) {
        datapath_->count_drop(Drop::ring_full);
        show_lost(mark_of(*batch.packets[i]).port, frame_of(*batch.packets[i]).bytes(),
                  Drop::ring_full);
    }
    free_all(std::span(batch.packets).subspan(taken, batch.count - taken));
    batch.count = 0;
}

// Of packets that are dropped after what became of them was shown.
void Worker::show_lost(PortIndex port, std::span<const uint8_t> frame, Drop why) {
    if (observer_ != nullptr) {
        observer_->lost(port, frame, why, now_);
    }
}

bool Worker::read_twins() {
    bool any = false;
    const auto ports = static_cast<PortIndex>(shared_.twins.size());
    for (PortIndex i = 0; i < ports; ++i) {
        for (uint16_t k = 0; k < burst; ++k) {
            rte_mbuf* packet = shared_.twins[i]->read(*shared_.pool);
            if (packet == nullptr) {
                break;
            }
            any = true;
            if (datapath_->may_leave(frame_of(*packet).bytes(), i, now_)) [[likely]] {
                queue(i, packet);
            } else {
                rte_pktmbuf_free(packet);
            }
        }
    }
    return any;
}

void Worker::handle(PortIndex port, std::span<rte_mbuf*> packets) {
    size_t count = 0;
    for (rte_mbuf* packet : packets) {
        if (!make_linear(*packet)) [[unlikely]] {
            datapath_->count_drop(Drop::too_big);
            rte_pktmbuf_free(packet);
            continue;
        }
        jobs_[count].frame = frame_of(*packet);
        packets[count++] = packet;
    }
    for (size_t i = 0; observer_ != nullptr && i < count; ++i) {
        observer_->before(i, port, jobs_[i].frame.bytes(), now_, datapath_->tables());
    }
    datapath_->handle(std::span(jobs_).first(count), port, now_);
    for (size_t i = 0; observer_ != nullptr && i < count; ++i) {
        observer_->after(i, fate_of(jobs_[i].verdict, *datapath_), jobs_[i].frame.bytes(),
                         datapath_->tables());
    }
    const auto leaves_by = [&](size_t i) {
        const Verdict& verdict = jobs_[i].verdict;
        return verdict.kind == Verdict::Kind::forward ? verdict.port : Verdict::no_port;
    };
    for (size_t first = 0, last = 0; first < count; first = last) {
        const PortIndex by = leaves_by(first);
        do {  // packets that leave by one port follow each other
            if (jobs_[last].frame.resized) {
                take_frame(*packets[last], jobs_[last].frame);
            }
            ++last;
        } while (by != Verdict::no_port && last < count && leaves_by(last) == by);
        if (by != Verdict::no_port) [[likely]] {
            queue(by, packets.subspan(first, last - first));
        } else {
            finish(jobs_[first].verdict, port, packets[first]);
        }
    }
}

// What does not leave by a port at once.
void Worker::finish(const Verdict& verdict, PortIndex port, rte_mbuf* packet) {
    if (verdict.kind == Verdict::Kind::forward) {
        next_hops_.hold(verdict.adjacency, {packet, verdict.bill}, now_);
        return;
    }
    if (verdict.kind == Verdict::Kind::wait) {
        next_hops_.hold(verdict.adjacency, {packet, {}, port}, now_);
        return;
    }
    if (verdict.kind == Verdict::Kind::punt) {
        hand_up(port, *packet);
    }
    if (verdict.kind == Verdict::Kind::check) {
        hand_to_checks(port, *packet);
    }
    rte_pktmbuf_free(packet);
}

// To the interface behind which checks through tunnels run, which takes IP packets.
void Worker::hand_to_checks(PortIndex port, const rte_mbuf& packet) {
    const std::span bytes(rte_pktmbuf_mtod(&packet, const uint8_t*), packet.data_len);
    const auto ip = bytes.subspan(link_of(bytes).header_bytes);
    const int fd = shared_.checks->load(std::memory_order_relaxed);
    if (fd < 0 || ::write(fd, ip.data(), ip.size()) != static_cast<ssize_t>(ip.size())) {
        datapath_->count_not_punted();
        show_lost(port, bytes, Drop::twin_refused);
    }
}

// To the kernel, which may not take it: its twin is down, or gone.
void Worker::hand_up(PortIndex port, const rte_mbuf& packet) {
    if (shared_.twins[port]->write(packet)) {
        return;
    }
    datapath_->count_not_punted();
    const auto* bytes = rte_pktmbuf_mtod(&packet, const uint8_t*);
    show_lost(port, std::span(bytes, packet.data_len), Drop::twin_refused);
}

// A packet whose link header stands before it, if its adjacency is usable.
void Worker::send(uint32_t number, rte_mbuf* packet) {
    const Adjacency& adjacency = datapath_->adjacencies()[number];
    if (adjacency.usable) {
        queue(adjacency.hop.port, packet);
    } else {
        next_hops_.hold(number, {packet}, now_);
    }
}

// A packet of our own with those bytes behind some room; null where there is none.
rte_mbuf* Worker::copy(std::span<const uint8_t> bytes, uint16_t before) {
    rte_mbuf* packet = rte_pktmbuf_alloc(shared_.pool);
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

void Worker::queue(PortIndex port, std::span<rte_mbuf*> packets) {
    Departure& departure = departures_[port];
    while (!packets.empty()) {
        const size_t count = std::min<size_t>(packets.size(), burst - departure.count);
        std::copy_n(packets.begin(), count, departure.packets.begin() + departure.count);
        departure.count = static_cast<uint16_t>(departure.count + count);
        packets = packets.subspan(count);
        if (departure.count == burst) {
            flush(port);
        }
    }
}

void Worker::flush(PortIndex port) {
    Departure& departure = departures_[port];
    const uint16_t count = std::exchange(departure.count, uint16_t{0});
    if (departure.worker != number_) {
        for (uint16_t i = 0; i < count; ++i) {
            give(departure.worker, {Mark::For::port, port}, departure.packets[i]);
        }
        return;
    }
    for (size_t i = 0; observer_ != nullptr && i < count; ++i) {
        observer_->sent(port, frame_of(*departure.packets[i]).bytes(), now_);
    }
    const uint16_t taken =
        shared_.ports[port]->send(departure.queue, departure.packets.data(), count);
    for (uint16_t i = taken; i < count; ++i) {
        show_lost(port, frame_of(*departure.packets[i]).bytes(), Drop::port_full);
    }
    free_all(std::span(departure.packets).subspan(taken, count - taken));
}

void Worker::flush() {
    const auto ports = static_cast<PortIndex>(departures_.size());
    for (PortIndex i = 0; i < ports; ++i) {
        if (departures_[i].count > 0) {
            flush(i);
        }
    }
    for (uint32_t i = 0; i < passing_.size(); ++i) {
        if (passing_[i].count > 0) {
            give_all(i);
        }
    }
}

void Worker::tick(Micros now) {
    if (now >= datapath_->next_tick(now)) {
        datapath_->tick(now, [&](const Flow& flow) {
            const auto& peers = datapath_->tables().peers();
            outbox_.log({flow.protocol, flow.client(), flow.vip(), flow.server(),
                         flow.served ? "" : peers[flow.peer].gateway});
        });
        publish_resets();
    }
    if (now >= next_expiry_) {
        next_expiry_ = now + hold_check_every;
        next_hops_.tick(now);
        if (ownership_) {
            ownership_->expire(now);
        }
    }
    flows_served_.store(datapath_->flows().served(), std::memory_order_relaxed);
}

void Worker::sleep_until(Micros when, Micros now) {
    waits_.clear();
    const size_t woken = waits_.add(wake_.fd(), now);
    size_t handed = woken;
    if (ownership_) {
        if (!shared_.handover->may_sleep(number_)) {
            return;
        }
        handed = waits_.add(shared_.handover->wake(number_).fd(), now);
    }
    for (size_t i = 0; number_ == 0 && i < shared_.twins.size(); ++i) {
        waits_.add(shared_.twins[i]->fd(), now);
    }
    for (const Poll& poll : polls_) {
        for (const int fd : shared_.ports[poll.port]->wait_fds(poll.queue)) {
            waits_.add(fd, now);
        }
    }
    waits_.wait(std::clamp<Micros>(when - now, 0, can_sleep_ ? 1'000'000 : back_off), now);
    if (waits_.readable(woken)) {
        wake_.drain();
    }
    if (ownership_) {
        if (waits_.readable(handed)) {
            shared_.handover->wake(number_).drain();
        }
        shared_.handover->awake(number_);
    }
}

}  // namespace rehome::vipd
