// See stream.h.
#include "probe/adapter/stream.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/random.h>

#include <algorithm>

#include "probe/adapter/kernel_route.h"
#include "probe/adapter/own_host.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/system_clock.h"
#include "probe/core/fate.h"
#include "probe/core/stamp.h"
#include "probe/core/summary.h"
#include "probe/core/tcp_flow.h"

namespace rehome::probe {

namespace {

uint64_t random_bits() {
    uint64_t bits = 0;
    (void)!getrandom(&bits, sizeof bits, 0);  // cannot fail for so few bytes
    return bits;
}

std::unique_ptr<Flow> flow_for(const Plan& plan, const Path& path, const Binding& binding,
                               const std::vector<uint16_t>& ports, uint64_t secret) {
    const ClockQuality clock = clock_quality();
    return make_flow({.kind = path.kind,
                      .source = binding.source,
                      .target = path.target,
                      .ports = ports,
                      .secret = secret,
                      .error_estimate = error_estimate(clock.error, clock.synchronised),
                      .key = plan.key,
                      .size = plan.size});
}

// Of a whole packet.
uint8_t ttl_of(ByteView packet, Family family) {
    const size_t at = family == Family::v6 ? 7 : 8;
    return packet.size() > at ? packet[at] : uint8_t{0};
}

// The message in a whole packet that came from the target.
tl::expected<ByteView, Refusal> inside_packet(ByteView packet, Kind kind, const Address& from,
                                              const Address& to) {
    const Protocol protocol = protocol_of(kind, from.family);
    const auto message =
        from.family == Family::v6 ? inside_ipv6(packet, protocol) : inside_ipv4(packet, protocol);
    if (!message || kind != Kind::udp) {
        return message;
    }
    return inside_udp(*message, from, to);
}

// The way of the probes, whose ports are known now, is still the one that was asked for.
Result<> verify_ports(const Binding& binding, const Path& path, const Route& route,
                      const std::vector<uint16_t>& ports, uint8_t dscp) {
    for (const uint16_t port : ports) {
        const Packet packet = connection_packet(path, port, dscp);
        const Result<Route> way = ask_route(binding, packet);
        if (!way) {
            return tl::unexpected(way.error());
        }
        if (auto same = check_connection(packet, route, *way); !same) {
            return same;
        }
    }
    return {};
}

}  // namespace

Stream::Stream(const Plan& plan, Binding binding, Path path, Route route, ProbeSocket socket,
               Capture capture)
    : path_(std::move(path)),
      route_(std::move(route)),
      binding_(std::move(binding)),
      count_(plan.count),
      wait_(plan.wait),
      socket_(std::move(socket)),
      capture_(std::move(capture)),
      secret_(random_bits()),
      flow_(flow_for(plan, path_, binding_, socket_.ports(), secret_)),
      size_(plan.size_of(path_)),
      dscp_(plan.dscp),
      rooms_(batch * flow_->message_size()),
      schedule_(plan.sampling, plan.rate_pps, plan.seed, 0),
      series_(plan.count, if_nametoindex(binding_.interface.c_str()),
              path_.kind == Kind::tcp ? first_repeat : never) {
    if (path_.kind == Kind::tcp) {
        port_used_.resize(socket_.ports().size(), never);
    }
}

Result<Stream> Stream::open(const Plan& plan, const Path& path, const Route& route) {
    const Binding binding = plan.binding_for(path.target.address.family).value();
    Result<ProbeSocket> socket =
        ProbeSocket::open(path, binding, ports_needed(plan.rate_pps, plan.wait, plan.count), plan);
    if (!socket) {
        return tl::unexpected(socket.error());
    }
    Result<Capture> capture = Capture::open(path, socket->ports());
    if (!capture) {
        return tl::unexpected(capture.error());
    }
    if (const auto same = verify_ports(binding, path, route, socket->ports(), plan.dscp); !same) {
        return tl::unexpected(same.error());
    }
    return Stream(plan, binding, path, route, std::move(*socket), std::move(*capture));
}

void Stream::take_packet(const Delivered& packet) {
    const bool with_header = path_.kind != Kind::udp && binding_.source.family == Family::v4;
    tl::expected<ByteView, Refusal> message = packet.bytes;
    if (with_header) {
        message = inside_ipv4(packet.bytes, protocol_of(path_.kind, Family::v4));
    }
    const auto answer =
        message.and_then([this](ByteView inside) { return flow_->deconstruct(inside); });
    const Nanos at = packet.at.value_or(realtime_now());
    if (!answer || !series_.answered(*answer, at, packet.at.has_value(), packet.interface)) {
        return;  // the capture counts what is damaged
    }
    std::array<uint8_t, reset_size> room{};
    if (const size_t size = flow_->construct_farewell(*answer, room); size != 0) {
        socket_.send_unmeasured(ByteView(room).first(size));
    }
}

void Stream::take_captured(const Delivered& packet) {
    const auto answer =
        inside_packet(packet.bytes, path_.kind, path_.target.address, binding_.source)
            .and_then([this](ByteView inside) { return flow_->deconstruct(inside); });
    if (answer) {
        series_.captured(*answer, packet.at.value_or(realtime_now()), packet.interface,
                         ttl_of(packet.bytes, path_.target.address.family));
    } else {
        series_.refused(answer.error());
    }
}

// An error that this host itself reports is about a packet that it kept: its next hop is silent.
void Stream::take_icmp_error(const Delivered& report) {
    if (!flow_->is_quoted(report.bytes)) {
        return;
    }
    const bool own = report.from && is_here(report.from->address);
    const auto index = flow_->index_of_sent(report.bytes);
    if (own && index) {
        series_.unsent(*index, Unsent::no_way_out, silent_neighbour(route_, path_.target.address));
        return;
    }
    const std::string by = report.from ? report.from->address.text() : "";
    series_.icmp_error(*report.icmp_error + (by.empty() ? "" : " by " + by));
    const std::string about = index ? fmt::format(" about probe {}", *index) : "";
    note("icmp", *report.icmp_error + (by.empty() ? "" : " by " + by) + about);
    if (report.mtu) {
        series_.too_big(too_big_text(*report.mtu, by));
    }
    if (report.mtu && index) {
        series_.unsent(*index, Unsent::too_big, too_big_text(*report.mtu, by));
    }
}

void Stream::take_report(const Delivered& report) {
    if (report.icmp_error) {
        take_icmp_error(report);
        return;
    }
    const auto index = flow_->index_of_sent(report.bytes);
    if (index && report.at) {
        series_.stamped(*index, *report.at, report.interface);
    }
}

bool Stream::read(Inbox& inbox) {
    size_t count = 0;
    const auto take = [this, &inbox, &count](int fd, Inbox::Queue queue,
                                             void (Stream::*take_one)(const Delivered&)) {
        for (const Delivered& delivered : inbox.read(fd, queue)) {
            (this->*take_one)(delivered);
            ++count;
        }
    };
    take(socket_.fd(), Inbox::Queue::errors, &Stream::take_report);
    take(socket_.fd(), Inbox::Queue::packets, &Stream::take_packet);
    take(capture_.fd(), Inbox::Queue::packets, &Stream::take_captured);
    return count != 0;
}

bool Stream::has_rested(Nanos now) const {
    if (port_used_.empty()) {
        return true;
    }
    const Nanos used = port_used_[series_.next_index() % port_used_.size()];
    return used == never || now - used >= port_rest(wait_);
}

Room Stream::room(size_t place) {
    return Room(rooms_).subspan(place * flow_->message_size(), flow_->message_size());
}

size_t Stream::construct_due(Nanos now, std::span<ByteView, batch> packets) {
    size_t count = 0;
    for (; count < batch && !all_sent() && schedule_.due() <= now; schedule_.advance()) {
        if (!has_rested(now)) {
            series_.skipped(1, 0);
            continue;
        }
        const uint32_t index = series_.next_index();
        const Nanos real = realtime_now();
        packets[count] = room(count).first(flow_->construct(index, real, room(count)));
        series_.sent(real, now - schedule_.due(), size_);
        if (!port_used_.empty()) {
            port_used_[index % port_used_.size()] = now;
        }
        ++count;
    }
    return count;
}

void Stream::send_due() {
    std::array<ByteView, batch> packets;
    if (all_sent()) {
        ask_at_end();
        return;
    }
    const Nanos now = monotonic_now();
    const Nanos behind = now - schedule_.due();
    if (const uint32_t skipped = schedule_.skip_missed(now); skipped != 0) {
        series_.skipped(skipped, behind);
        note("pause", fmt::format("{} slots left out; this host was {:.1f} ms behind", skipped,
                                  static_cast<double>(behind) / 1e6));
    }
    const uint32_t first = series_.next_index();
    const size_t count = construct_due(now, packets);
    if (count != 0) {
        send_all(std::span(packets).first(count), first);
        last_sent_ = now;
        longest_send_call_ = std::max(longest_send_call_, monotonic_now() - now);
    }
}

// The answer tells what became of the last probes (directions.h): after a quarter and after half of
// the waiting time, where the last probe was not answered.
Nanos Stream::end_question() const {
    return last_sent_ + wait_ / 4 * (1 + end_questions_);
}

bool Stream::has_end_question() const {
    constexpr uint32_t most = 2;
    const std::optional<uint32_t> latest = series_.mirrors().latest();
    return all_sent() && end_questions_ < most && latest && *latest + 1 < series_.next_index();
}

void Stream::ask_at_end() {
    if (!has_end_question() || monotonic_now() < end_question()) {
        return;
    }
    const uint32_t index = series_.next_index() + end_questions_++;
    socket_.send_unmeasured(room(0).first(flow_->construct(index, realtime_now(), room(0))));
}

// A packet that does not go stays with this host; those behind it may go.
void Stream::send_all(std::span<const ByteView> packets, uint32_t first) {
    for (size_t done = 0; done < packets.size();) {
        const auto sent = socket_.send(packets.subspan(done));
        done += sent.count;
        if (sent.count == 0) {
            const Diagnosis diagnosis = diagnose_failure(sent.error);
            series_.unsent(first + static_cast<uint32_t>(done), diagnosis.how, diagnosis.why);
            ++done;
        }
    }
}

// Looking costs more than sending, and what is wrong stays so for a while.
Diagnosis Stream::diagnose_failure(int error) {
    constexpr Nanos holds = 20'000'000;
    const Nanos now = monotonic_now();
    if (error == diagnosed_error_ && now < diagnosed_until_) {
        return diagnosis_;
    }
    SendFailure failure{.error = error,
                        .link_up = link_is_up(route_.interface),
                        .source_here = is_here(binding_.source),
                        .mtu = socket_.mtu()};
    if (const auto route = ask_route(binding_, packet()); !route) {
        failure.route_error = route.error().what;
    }
    diagnosed_error_ = error;
    diagnosed_until_ = now + holds;
    diagnosis_ = diagnose(failure, binding_, route_);
    return diagnosis_;
}

Packet Stream::packet() const {
    const bool udp = path_.kind == Kind::udp;
    return probe_packet(path_, udp ? socket_.ports().front() : uint16_t{0}, dscp_);
}

void Stream::ask_again() {
    constexpr size_t most_changes = 100;
    const Result<Route> answer = ask_route(binding_, packet());
    const std::optional<Route> now = answer ? std::optional(*answer) : std::nullopt;
    const std::optional<Route> before = route_changes_.empty() ? route_ : route_changes_.back().to;
    if (now != before && route_changes_.size() < most_changes) {
        route_changes_.push_back({.at = now_us(), .to = now});
        note("route", now ? now->text() : "none");
    }
}

std::string Stream::progress() const {
    return fmt::format("{} {}/{} sent, {} answered", name(path_.kind), series_.next_index(), count_,
                       series_.answered_count());
}

// A few thousand of a kind say all; each is counted besides.
void Stream::note(const std::string& what, const std::string& detail) {
    constexpr uint32_t most_events = 10'000;
    if (++events_noted_ <= most_events) {
        events_.push_back({.at = now_us(), .path = {}, .what = what, .detail = detail});
    }
}

OwnSide Stream::own_side() {
    const ClockQuality clock = clock_quality();
    return {.receive_drops = receive_drops(socket_.fd()),
            .capture_drops = capture_.drops(),
            .longest_send_call = longest_send_call_,
            .clock_resolution = clock.resolution,
            .clock_tolerance = clock.tolerance};
}

PathRecord Stream::path_record() {
    PathRecord record{.path = path_,
                      .route = route_,
                      .route_changes = route_changes_,
                      .flow = flow_->description(),
                      .dscp = dscp_,
                      .source_ports = socket_.ports(),
                      .secret = secret_,
                      .bound_to = series_.bound_to(),
                      .repeats_after = series_.repeats_after(),
                      .tally = series_.tally(),
                      .own = own_side()};
    return record;
}

// The kernel tells of a next hop that does not answer only when it has given it up, after some
// seconds; a run may be over by then.
void Stream::note_silent_neighbour() {
    const auto& samples = series_.samples();
    const bool any = std::any_of(samples.begin(), samples.end(), [](const Sample& sample) {
        return sample.stamped != never || sample.captured != never || sample.order != 0;
    });
    const Address neighbour = route_.next_hop.value_or(path_.target.address);
    if (any || !series_.tally().no_way_out.empty() || !is_silent(route_.interface, neighbour)) {
        return;
    }
    for (uint32_t index = 0; index < series_.next_index(); ++index) {
        series_.unsent(index, Unsent::no_way_out, silent_neighbour(route_, path_.target.address));
    }
}

Figures Stream::figures() {
    note_silent_neighbour();
    mark_unreflected(series_, wait_);
    Figures figures;
    figures.path = path_;
    figures.route = route_;
    figures.flow = flow_->description();
    figures.size = size_;
    ask_again();
    figures.route_changes = route_changes_;
    OwnSide own = own_side();
    own.interfaces = interface_names();
    summarise(series_, wait_, own, figures);
    return figures;
}

}  // namespace rehome::probe
