#include "vipd/daemon/daemon.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/adapter/interface.h"
#include "vipd/adapter/log.h"
#include "vipd/state/link_size.h"
#include "vipd/watch/changes.h"

namespace rehome::vipd {

namespace {

// Packets in a MiB: three quarters of the memory.  One takes 2.4 KB of huge pages; of ordinary
// pages it takes one, as DPDK lets no packet lie in two.
uint32_t packets_per_mib(const MemoryConfig& memory) {
    return memory.hugepages ? 320 : 192;
}

uint32_t packets_of(const Config& config) {
    const auto own = std::count_if(config.ports.begin(), config.ports.end(), [](const auto& port) {
        return port.device.driver == Device::Driver::af_packet;
    });
    const uint32_t kept = std::min(static_cast<uint32_t>(own) * af_packet_mib, config.memory.mib);
    return (config.memory.mib - kept) * packets_per_mib(config.memory);
}

// What a port must take at least.  Relayed packets would not fit a lesser link; a line, or the way
// to servers, may be one of PPPoE or a cloud's.
uint16_t least_mtu(const Config& config, size_t port) {
    return config.is_link(port) ? full_mtu(config, port) : least_link_mtu(Family::v6);
}

uint64_t random_key() {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
}

Begin begin_with(Begin begin, std::shared_ptr<const Keyring> keys) {
    begin.keys = std::move(keys);
    return begin;
}

// Whose word is taken on the link.
std::string trust_text(const Config& config, const Keyring* keys) {
    if (keys == nullptr) {
        return "the link is trusted: there are no keys, and whoever sends as a peer is believed";
    }
    std::string ids;
    for (const FileKey& key : keys->keys) {
        ids += (ids.empty() ? "" : " and ") + fmt::to_string(key.id);
    }
    return fmt::format("gateways are known by key {}; what they send without a tag is {}", ids,
                       config.keys.untagged ? "taken too, for now" : "dropped");
}

}  // namespace

Daemon::Daemon(std::string config_path, ConfigFile file)
    : config_path_(std::move(config_path)),
      config_text_(std::move(file.text)),
      orders_file_(file.config, now_us()),
      state_(std::move(file.config), begin_with(orders_file_.resumed().begin, file.keys),
             monotonic_us()),
      said_orders_(state_.orders()),
      said_(state_.snapshot()),
      told_confirmed_(state_.confirmed()),
      rates_(this->config().lines.size()),
      started_(monotonic_us()) {}

Result<std::unique_ptr<Daemon>> Daemon::start(std::string config_path, ConfigFile file) {
    auto daemon = std::unique_ptr<Daemon>(new Daemon(std::move(config_path), std::move(file)));
    Daemon& g = *daemon;
    const auto steps = {
        +[](Daemon& o) { return o.reset_log_.open(o.config().reset_log); },
        +[](Daemon& o) { return o.open_ports(); },
        +[](Daemon& o) { return o.build_access(); },
        +[](Daemon& o) { return o.open_twins(); },
        +[](Daemon& o) { return o.follow_kernel(); },
        +[](Daemon& o) { return o.start_workers(); },
    };
    for (const auto& step : steps) {
        if (auto done = step(g); !done) {
            return tl::unexpected(done.error());
        }
    }
    auto control = Control::listen(
        g.config().control,
        [&g](const auto& request, const Reply& reply) { g.command(request, reply); });
    if (!control) {
        return tl::unexpected(control.error());
    }
    g.control_ = std::move(*control);
    g.say_how_it_begins();
    g.hold_prefixes();
    g.health_.follow(g.state_.snapshot()->config, g.state_);
    g.store_orders();  // nobody else has this socket, nor this file
    return daemon;
}

Daemon::~Daemon() {
    control_.reset();
    access_builder_.end();
    for (auto& worker : workers_) {
        worker->stop();
    }
    workers_.clear();
    shared_.handover.reset();  // its packets may be of a port's own pool
    shared_ = {};
    pool_.reset();
    stop_dpdk();
}

Result<> Daemon::open_ports() {
    if (auto started = start_dpdk(config().memory); !started) {
        return started;
    }
    auto pool = make_pool("packets", packets_of(config()));
    if (!pool) {
        return tl::unexpected(pool.error());
    }
    pool_ = std::move(*pool);
    shared_.pool = pool_.get();
    shared_.workers = config().workers;
    if (config().workers > 1) {
        auto handover = Handover::make(config().workers);
        if (!handover) {
            return tl::unexpected(handover.error());
        }
        shared_.handover = std::move(*handover);
    }
    for (size_t i = 0; i < config().ports.size(); ++i) {
        auto port = Port::open(config().ports[i], *pool_,
                               {least_mtu(config(), i), config().has_vlans(i)}, config().workers);
        if (!port) {
            return tl::unexpected(port.error());
        }
        shared_.ports.push_back(std::move(*port));
    }
    return {};
}

// Behind the ports, which one vipd alone has: who gets there may take what another one left.
Result<> Daemon::open_twins() {
    auto keeper = Keeper::find(config().control);
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        const std::string& name = config().ports[i].name;
        const Port& port = *shared_.ports[i];
        auto twin = Twin::open(name, port.mac(), std::min(port.mtu(), full_mtu(config(), i)),
                               keeper ? keeper->take(name) : Fd());
        if (!twin) {
            return tl::unexpected(twin.error());
        }
        shared_.twins.push_back(std::move(*twin));
    }
    hand_to_keeper(std::move(keeper));
    return {};
}

void Daemon::hand_to_keeper(Result<Keeper> keeper) {
    std::vector<std::string> names;
    std::vector<int> fds;
    for (const auto& twin : shared_.twins) {
        names.push_back(twin->name());
        fds.push_back(twin->fd());
    }
    std::string trouble = keeper ? "" : keeper.error().text();
    if (keeper) {
        const auto kept = keeper->keep_twins(names, fds);
        trouble = kept ? "" : kept.error().text();
        keeper_ = std::move(*keeper);
    }
    if (!trouble.empty()) {
        log_line("a restart will take the twins' links down: {}", trouble);
    }
}

// What the keeper withdraws when this run ends and none follows.
void Daemon::keep_routes() {
    const auto kept = keeper_ ? keeper_->keep_routes(kernel_->held()) : Result<>();
    if (!kept) {
        log_line("nobody withdraws the prefixes if vipd is killed: {}", kept.error().text());
        keeper_.reset();
    }
}

void Daemon::withdraw() {
    if (const auto done = kernel_->release_all(); !done) {
        log_line("not withdrawn: {}{}", done.error().text(),
                 keeper_ ? "; the keeper will try" : "");
    } else if (keeper_) {
        keeper_->end();
    }
}

// One that somebody has ended is replaced, once.
void Daemon::replace_keeper() {
    if (!keeper_ || !keeper_->gone()) {
        return;
    }
    log_line("the keeper was ended");
    keeper_.reset();
    hand_to_keeper(Keeper::find(config().control));
    keep_routes();
}

Result<> Daemon::follow_kernel() {
    std::vector<PortInterfaces> ports;
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        const std::string& device = shared_.ports[i]->interface();
        const auto index = device.empty() ? Result<unsigned>(0) : interface_index(device);
        if (!index) {
            return tl::unexpected(index.error());
        }
        ports.push_back({shared_.twins[i]->interface(), *index});
    }
    auto kernel = Kernel::start(std::move(ports));
    if (!kernel) {
        return tl::unexpected(kernel.error());
    }
    kernel_ = std::move(*kernel);
    port_states_.start(*kernel_, config());
    state_.routes(kernel_->forwarding().routes);
    port_states_.take(*kernel_, state_, monotonic_us());
    state_.advance(monotonic_us());
    port_states_.mirror(*state_.snapshot(), state_);
    return {};
}

Result<> Daemon::start_workers() {
    const uint32_t workers = config().workers;
    const auto each = [&](uint32_t all) { return std::max(1U, all / workers); };
    Datapath::Settings settings;
    settings.workers = workers;
    settings.flows = {each(config().flows.capacity), each(config().flows.half_open)};
    settings.hash_key = random_key();
    settings.salt = random_key();
    settings.punt = std::make_shared<Punt>(random_key());
    settings.fragments.held_bytes = each(config().fragments.memory_kib * 1024);
    settings.fragments.wait = Micros{config().fragments.wait_ms} * 1000;
    settings.ports = state_.snapshot()->ports;
    for (settings.worker = 0; settings.worker < workers; ++settings.worker) {
        auto datapath = std::make_unique<Datapath>(state_.snapshot(), settings);
        // Before the first packet, so that a restart loses none for want of routes.
        datapath->replace_routes(kernel_->forwarding().routes);
        datapath->replace_neighbours(kernel_->forwarding().neighbours);
        std::unique_ptr<Ownership> ownership;
        if (workers > 1) {
            datapath->set_flows_served([this] {
                uint32_t served = 0;
                for (const auto& worker : workers_) {
                    served += worker->flows_served();
                }
                return served;
            });
            ownership = std::make_unique<Ownership>(settings.worker, workers, shared_.ports.size(),
                                                    settings.fragments, settings.hash_key);
            ownership->set_tables(state_.snapshot()->tables);
        }
        workers_.push_back(std::make_unique<Worker>(settings.worker, shared_, std::move(datapath),
                                                    std::move(ownership)));
    }
    state_.workers_start(monotonic_us());
    return on_workers(workers_, [](Worker& worker) { return worker.start(); });
}

Result<Sums> Daemon::sums() {
    Sums sums;
    const auto asked = ask_all(workers_, [&](Datapath& d) { sums.add(d); });
    return asked ? Result<Sums>(sums) : tl::unexpected(asked.error());
}

Result<Figures> Daemon::figures() {
    const auto of_workers = sums();
    if (!of_workers) {
        return tl::unexpected(of_workers.error());
    }
    Figures figures = figures_of(*of_workers, *state_.snapshot());
    figures.of<ResetLogCounts>() = {reset_log_.lost()};
    figures.of<HealthCounts>() = health_.counts();
    const auto ports = port_states_.counters(*kernel_, *state_.snapshot());
    for (size_t i = 0; i < ports.size(); ++i) {
        add_port(figures, shared_.ports[i]->name(), ports[i]);
    }
    return figures;
}

// Who would handle it: the owner by its ports, which those who own a datagram's other fragments
// know where it has none.
Result<Worker*> Daemon::owner_of(std::vector<uint8_t> bytes, PortIndex port) {
    if (workers_.size() == 1) {
        return workers_[0].get();
    }
    Frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0};
    const Classified what = classify(frame.bytes(), port, tables());
    for (size_t i = 0; i < workers_.size() && what.packet.later_fragment(); ++i) {
        bool knows = false;
        const auto asked =
            workers_[i]->ask([&](Datapath& path) { knows = path.knows_first_of(what.packet); });
        if (!asked) {
            return tl::unexpected(asked.error());
        }
        if (knows) {
            return workers_[i].get();
        }
    }
    Fragments::Limits none;
    none.known = none.waiting = 1;
    none.held_bytes = 0;
    Ownership::Next next;
    do {  // a first fragment has a desk, which knows its owner
        Ownership at(next.worker, shared_.workers, shared_.ports.size(), none, 0);
        at.set_tables(state_.snapshot()->tables);
        next = at.next(frame, port, monotonic_us());
    } while (next.to == Ownership::Next::To::desk);
    return workers_[next.worker].get();
}

void Daemon::say_whom_it_trusts() const {
    if (!config().peers.empty()) {
        log_line("{}", trust_text(state_.config(), state_.keys()));
    }
}

void Daemon::say_how_it_begins() const {
    say_whom_it_trusts();
    const Resumed& resumed = orders_file_.resumed();
    if (!resumed.aside.empty()) {
        log_line("orders of the run before do not hold: {}", resumed.aside);
    }
    if (!state_.confirmed()) {
        log_line(
            "was away for {} s: no prefix is announced until a peer of this move or "
            "`vipctl confirm` confirms",
            resumed.away_s.value_or(0));
    }
    for (const auto& [target, order] : state_.orders().disabled) {
        log_line("{} is disabled ({}){}", target.text(), name(order.mode),
                 order.runs() ? fmt::format(", and ends flows again as it meets them, {} a second",
                                            order.rate_per_s)
                              : "");
    }
}

// Orders are said as they are given, even where another follows before a snapshot has them.
void Daemon::say_orders(std::optional<uint32_t> by) {
    if (state_.orders() == said_orders_) {
        return;
    }
    for (const std::string& line :
         order_changes(orders_json(said_orders_, true), orders_json(state_.orders(), true), by)) {
        log_line("{}", line);
    }
    said_orders_ = state_.orders();
}

void Daemon::say_changes() {
    say_orders();
    for (const std::string& line : observed_changes(*said_, *state_.snapshot())) {
        log_line("{}", line);
    }
    said_ = state_.snapshot();
}

// While a prefix can be served it has a kernel route, which BIRD exports.
void Daemon::hold_prefixes() {
    const auto& snapshot = state_.snapshot();
    const auto before = kernel_->held();
    const auto held_now = [&](const Prefix& prefix) {
        return snapshot->holds_routes && snapshot->served->has(prefix);
    };
    std::string trouble;
    for (const Prefix& prefix : before) {
        const auto done = held_now(prefix) ? Result<>() : kernel_->release_route(prefix);
        trouble = done ? trouble : done.error().text();
    }
    for (const Prefix& prefix : snapshot->served->prefixes()) {
        const auto done = held_now(prefix) ? kernel_->hold_route(prefix) : Result<>();
        trouble = done ? trouble : done.error().text();
    }
    if (kernel_->held() != before || held_ == nullptr) {
        keep_routes();
    }
    if (!trouble.empty() && trouble != held_trouble_) {
        log_line("a prefix's route is not as it should be: {}", trouble);
    }
    held_trouble_ = trouble;
    held_ = snapshot;
}

Result<> Daemon::take_from_kernel(Result<bool> changed) {
    if (!changed) {
        return tl::unexpected(changed.error());
    }
    port_states_.take(*kernel_, state_, monotonic_us());
    if (!*changed) {
        return {};
    }
    const auto forwarding = kernel_->forwarding();
    state_.routes(forwarding.routes);
    for (auto& worker : workers_) {
        worker->offer(forwarding);
    }
    return {};
}

void Daemon::take_outboxes() {
    for (auto& worker : workers_) {
        const Left left = worker->take_outbox();
        for (const Hop& hop : left.wanted) {
            kernel_->request(hop);
        }
        for (const Heard& heard : left.heard) {
            state_.hear(heard.peer, heard.keepalive, heard.at);
        }
        for (const HeardHandshake& heard : left.handshakes) {
            state_.hear(heard.peer, heard.handshake, heard.at);
        }
        for (const SizedLink& link : left.sized) {
            link.told ? state_.told_mtu(link.peer, link.mtu, link.at)
                      : state_.link_size(link.peer, link.mtu, link.at);
        }
        for (const HeardServicesPage& heard : left.services) {
            state_.hear(heard.peer, heard.page);
        }
        for (const HeardFlows& heard : left.flows) {
            state_.hear(heard.peer, heard.page);
        }
        reset_log_.add(left.resets);
    }
}

Result<> Daemon::run(int stop_fd) {
    Micros next_tick = 0;
    while (true) {
        std::vector<pollfd> fds{{stop_fd, POLLIN, 0},
                                {kernel_->fd(), POLLIN, 0},
                                {control_->fd(), POLLIN, 0},
                                {access_builder_.fd(), POLLIN, 0}};
        for (const auto& worker : workers_) {
            fds.push_back({worker->outbox_fd(), POLLIN, 0});
        }
        for (const int fd : health_.fds()) {
            fds.push_back({fd, POLLIN, 0});
        }
        ::poll(fds.data(), fds.size(), wait_ms(monotonic_us()));
        if (fds[0].revents != 0) {
            store_orders(true);
            return {};
        }
        if (fds[1].revents != 0) {
            if (auto done = take_from_kernel(kernel_->handle()); !done) {
                return done;
            }
        }
        if (fds[2].revents != 0) {
            control_->handle();
        }
        if (fds[3].revents != 0) {
            access_builder_.take();
        }
        count_some_flows();
        // Whatever took long before: what the peers said meanwhile comes before what time says.
        take_outboxes();
        const Micros now = monotonic_us();
        health_.take(state_, now);
        hand_out(now);
        if (now >= next_tick) {
            next_tick = now + 250'000;
            if (auto done = take_from_kernel(kernel_->tick()); !done) {
                return done;
            }
            every_second(now);
            captures_.stop_unread(now);
            busiest_.stop_unasked(now);
        }
    }
}

int Daemon::wait_ms(Micros now) const {
    if (counting_) {
        return 0;
    }
    Micros next = std::min({state_.next_event(now), health_.next_event(), now + 250'000});
    for (const Ordered& ordered : ordered_) {
        next = std::min(next, ordered.deadline);
    }
    return static_cast<int>((std::max<Micros>(next - now, 0) + 999) / 1000);
}

void Daemon::hand_out(Micros now) {
    if (state_.advance(now)) {
        for (auto& worker : workers_) {
            worker->offer(state_.snapshot());
        }
        const Snapshot& snapshot = *state_.snapshot();
        port_states_.mirror(snapshot, state_);
        if (snapshot.served != held_->served || snapshot.holds_routes != held_->holds_routes) {
            hold_prefixes();
        }
        rates_.resize(config().lines.size());
        say_changes();
        health_.follow(snapshot.config, state_);
    }
    if (state_.confirmed() && !told_confirmed_) {
        told_confirmed_ = true;
        log_line("confirmed by gateway {}: prefixes are announced", state_.confirmed_by());
    }
    follow_workers();
    store_orders();  // before anything is answered
    answer_draining();
    answer_orders(now);
}

// How far they are.
void Daemon::follow_workers() {
    uint64_t acts_on = UINT64_MAX, drained = UINT64_MAX;
    std::map<uint64_t, size_t> ended;  // by how many workers
    for (const auto& worker : workers_) {
        acts_on = std::min(acts_on, worker->acts_on());
        drained = std::min(drained, worker->drained());
        for (const Endings::Course& course : worker->endings()) {
            ended[course.id] += course.running ? 0U : 1U;
        }
    }
    if (acts_on > emptying_) {
        emptying_ = acts_on;
        for (auto& worker : workers_) {
            worker->empty_rings(acts_on);
        }
    }
    state_.drained(drained);
    for (const Endings::Order& order : state_.snapshot()->disabled->endings()) {
        if (order.rate_per_s > 0 && ended[order.id] == workers_.size()) {
            state_.ended(order.id);
        }
    }
    say_orders();
}

void Daemon::store_orders(bool at_once) {
    if (orders_file_.keep(state_, now_us(), at_once)) {
        const std::string& trouble = orders_file_.trouble();
        log_line("orders are {}",
                 trouble.empty() ? "stored again" : "in force, not stored: " + trouble);
    }
}

void Daemon::every_second(Micros now) {
    if (now - rated_ < 1'000'000) {
        return;
    }
    if (!held_trouble_.empty()) {
        hold_prefixes();
    }
    // By their MAC addresses lines of one VLAN are told apart, before anything is sent there.
    for (const TableLine& line : tables().lines()) {
        kernel_->request({line.port, line.peer, line.vlan});
    }
    const auto silent = [&](const auto& worker) { return now - worker->last_round() > 500'000; };
    if (std::any_of(workers_.begin(), workers_.end(), silent)) {
        return;  // whoever waits for it answers nobody meanwhile
    }
    const auto now_counted = sums();
    if (!now_counted) {
        return;
    }
    const auto& lines = now_counted->lines;
    const double seconds = static_cast<double>(now - rated_) / 1e6;
    for (size_t i = 0; i < lines.size(); ++i) {
        Rate& rate = rates_[i];
        rate.rx_pps = static_cast<double>(lines[i].rx_vip_packets - rate.rx_packets) / seconds;
        rate.tx_pps = static_cast<double>(lines[i].tx_vip_packets - rate.tx_packets) / seconds;
        rate.rx_packets = lines[i].rx_vip_packets;
        rate.tx_packets = lines[i].tx_vip_packets;
    }
    const auto& services = now_counted->services;
    service_rates_.resize(std::max(service_rates_.size(), services.size()));
    for (size_t i = 0; i < services.size(); ++i) {
        ServiceRate& rate = service_rates_[i];
        const auto a_second = [&](uint64_t ServiceCounters::*count) {
            return static_cast<double>(services[i].*count - rate.before.*count) / seconds;
        };
        rate.new_flows = a_second(&ServiceCounters::new_flows);
        rate.to_servers = a_second(&ServiceCounters::to_servers);
        rate.to_clients = a_second(&ServiceCounters::to_clients);
        rate.before = services[i];
    }
    // Counts begin anew with other servers: also with the same ones again.
    const auto& begun_at = now_counted->begun_at;
    const bool same = begun_at_whom_ != 0 && now_counted->begun_at_whom == begun_at_whom_ &&
                      std::equal(begun_at.begin(), begun_at.end(), begun_at_.begin(),
                                 begun_at_.end(), std::greater_equal<>());
    server_rates_.assign(same ? begun_at_.size() : 0, 0);
    for (size_t i = 0; i < server_rates_.size(); ++i) {
        server_rates_[i] = static_cast<double>(begun_at[i] - begun_at_[i]) / seconds;
    }
    begun_at_ = begun_at;
    begun_at_whom_ = now_counted->begun_at_whom;
    rated_ = now;
    port_states_.say_what_is_left_to_devices();
    replace_keeper();
    if (const uint64_t full = now_counted->flow_table.full; full > told_full_) {
        log_line("the flow table is full: {} packets of flows without a lasting place",
                 full - told_full_);
        told_full_ = full;
    }
}

}  // namespace rehome::vipd
