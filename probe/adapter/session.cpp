// See session.h.
#include "probe/adapter/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include <algorithm>
#include <limits>

#include "probe/adapter/kernel_route.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/system_error.h"
#include "probe/core/stamp.h"
#include "probe/core/summary.h"
#include "probe/core/tcp_flow.h"

namespace rehome::probe {

namespace {

constexpr Nanos one_second = 1'000'000'000;

// The kernel begins to stamp packets a little after the first socket asks for it.
constexpr Nanos warm_up = 20'000'000;

uint64_t random_bits() {
    uint64_t bits = 0;
    (void)!getrandom(&bits, sizeof bits, 0);  // cannot fail for so few bytes
    return bits;
}

}  // namespace

Result<std::vector<Route>> verify_routes(const Plan& plan) {
    std::vector<Route> routes;
    for (const Path& path : plan.paths) {
        const Result<Route> route = ask_route(plan.binding, path.target.address);
        if (!route) {
            return tl::unexpected(route.error());
        }
        if (const auto good = check_route(plan.binding, path.target.address, *route); !good) {
            return tl::unexpected(good.error());
        }
        routes.push_back(*route);
    }
    return routes;
}

Result<Session::Stream> Session::open_stream(const Plan& plan, const Path& path,
                                             const Route& route) {
    Result<ProbeSocket> socket =
        ProbeSocket::open(path, plan.binding, ports_needed(plan.rate_pps, plan.wait));
    if (!socket) {
        return tl::unexpected(socket.error());
    }
    const ClockQuality clock = clock_quality();
    std::unique_ptr<Flow> flow =
        make_flow({.kind = path.kind,
                   .source = plan.binding.source,
                   .target = path.target,
                   .ports = socket->ports(),
                   .secret = random_bits(),
                   .error_estimate = error_estimate(clock.error, clock.synchronised)});
    return Stream{.path = path,
                  .route = route,
                  .socket = std::move(*socket),
                  .flow = std::move(flow),
                  .schedule = Schedule(plan.sampling, plan.rate_pps, plan.seed, 0),
                  .series = Series(plan.count)};
}

Result<Session> Session::open(const Plan& plan, std::vector<Route> routes) {
    Session session(plan);
    for (size_t i = 0; i < plan.paths.size(); ++i) {
        Result<Stream> stream = open_stream(plan, plan.paths[i], routes.at(i));
        if (!stream) {
            return tl::unexpected(stream.error());
        }
        session.streams_.push_back(std::move(*stream));
    }
    return session;
}

// Spread over one interval, so that the paths' probes do not leave as one burst.
void Session::start(Nanos start) {
    const Nanos interval = static_cast<Nanos>(1e9 / plan_.rate_pps);
    const auto count = static_cast<Nanos>(streams_.size());
    for (Nanos i = 0; i < count; ++i) {
        streams_[static_cast<size_t>(i)].schedule =
            Schedule(plan_.sampling, plan_.rate_pps, plan_.seed + static_cast<uint64_t>(i),
                     start + warm_up + interval * i / count);
    }
}

void Session::take_packet(Stream& stream, const Delivered& packet) {
    const bool with_header =
        stream.path.kind != Kind::udp && plan_.binding.source.family == Family::v4;
    tl::expected<ByteView, Refusal> message = packet.bytes;
    if (with_header) {
        message = inside_ipv4(packet.bytes,
                              stream.path.kind == Kind::tcp ? Protocol::tcp : Protocol::icmp);
    }
    const auto answer =
        message.and_then([&stream](ByteView inside) { return stream.flow->deconstruct(inside); });
    if (!answer) {
        stream.series.refused(answer.error());
        return;
    }
    const Nanos at = packet.at.value_or(realtime_now());
    if (!stream.series.answered(*answer, at, packet.at.has_value())) {
        return;
    }
    std::array<uint8_t, max_probe_size> room{};
    if (const size_t size = stream.flow->construct_farewell(*answer, room); size != 0) {
        stream.socket.send_unmeasured(ByteView(room).first(size));
    }
}

void Session::take_report(Stream& stream, const Delivered& report) {
    if (report.icmp_error) {
        if (stream.flow->is_quoted(report.bytes)) {
            const std::string by = report.from ? " by " + report.from->address.text() : "";
            stream.series.icmp_error(*report.icmp_error + by);
        }
        return;
    }
    const auto index = stream.flow->index_of_sent(report.bytes);
    if (index && report.at) {
        stream.series.stamped(*index, *report.at);
    }
}

bool Session::read(Stream& stream) {
    const auto reports = inbox_.read(stream.socket.fd(), Inbox::Queue::errors);
    for (const Delivered& report : reports) {
        take_report(stream, report);
    }
    const size_t reported = reports.size();
    const auto packets = inbox_.read(stream.socket.fd(), Inbox::Queue::packets);
    for (const Delivered& packet : packets) {
        take_packet(stream, packet);
    }
    return reported + packets.size() != 0;
}

bool Session::all_sent(const Stream& stream) const {
    return stopping_ || stream.series.next_index() >= plan_.count;
}

void Session::send_due(Stream& stream) {
    constexpr size_t batch = 32;
    std::array<std::array<uint8_t, max_probe_size>, batch> rooms;
    std::array<ByteView, batch> packets;
    const uint32_t first = stream.series.next_index();
    const Nanos started = monotonic_now();
    size_t count = 0;
    while (count < batch && !all_sent(stream) && stream.schedule.due() <= started) {
        const Nanos now = realtime_now();
        const size_t size = stream.flow->construct(stream.series.next_index(), now, rooms[count]);
        packets[count] = ByteView(rooms[count]).first(size);
        stream.series.sent(now, started - stream.schedule.due());
        stream.last_sent = started;
        stream.schedule.advance();
        ++count;
    }
    // A packet that does not go is our own loss; those behind it may go.
    for (size_t done = 0; done < count;) {
        const auto sent = stream.socket.send(std::span(packets).subspan(done, count - done));
        done += sent.count;
        if (sent.count == 0) {
            stream.series.send_failed(first + static_cast<uint32_t>(done), sent.error);
            ++done;
        }
    }
    if (count != 0) {
        const Nanos took = monotonic_now() - started;
        stream.longest_send_call = std::max(stream.longest_send_call, took);
    }
}

// The next sending, or the end of the wait for the last answer.
Nanos Session::next_event(Nanos now) const {
    Nanos next = std::numeric_limits<Nanos>::max();
    for (const Stream& stream : streams_) {
        const Nanos settled = stream.last_sent + plan_.wait;
        const Nanos due = all_sent(stream) ? settled : stream.schedule.due();
        next = due > now || !all_sent(stream) ? std::min(next, due) : next;
    }
    return next;
}

bool Session::finished(Nanos now) const {
    return std::all_of(streams_.begin(), streams_.end(), [this, now](const Stream& stream) {
        return all_sent(stream) && now >= stream.last_sent + plan_.wait;
    });
}

bool Session::sleep_until(Nanos when, const StopSignal& stop) {
    // Once it has come it would end every sleep; poll passes over negative descriptors.
    std::vector<pollfd> polls{{.fd = stopping_ ? -1 : stop.fd(), .events = POLLIN, .revents = 0}};
    for (const Stream& stream : streams_) {
        polls.push_back({.fd = stream.socket.fd(), .events = POLLIN, .revents = 0});
    }
    // At most a second, for the progress line.
    const Nanos time = std::clamp<Nanos>(when - monotonic_now(), 0, one_second);
    const timespec timeout{.tv_sec = time / one_second, .tv_nsec = time % one_second};
    ppoll(polls.data(), polls.size(), &timeout, nullptr);
    return polls.front().revents != 0;
}

std::string Session::progress_line() const {
    std::string line;
    for (const Stream& stream : streams_) {
        line += fmt::format("{}{} {}/{} sent, {} answered", line.empty() ? "" : "; ",
                            name(stream.path.kind), stream.series.next_index(), plan_.count,
                            stream.series.answered_count());
    }
    return line;
}

Result<Measurement> Session::run_loop(const Progress& progress, const StopSignal& stop) {
    const ClockWatch watch;
    const ClockQuality clock = clock_quality();
    Measurement measurement;
    measurement.at = now_us();
    Nanos now = monotonic_now();
    Nanos next_progress = now + one_second;
    start(now);
    while (!finished(now)) {
        for (Stream& stream : streams_) {
            read(stream);
            send_due(stream);
        }
        now = monotonic_now();
        if (now >= next_progress) {
            next_progress = now + one_second;
            progress(progress_line());
        }
        if (sleep_until(next_event(now), stop)) {
            stopping_ = measurement.interrupted = true;
        }
        now = monotonic_now();
    }
    for (Stream& stream : streams_) {
        while (read(stream)) {
        }
        measurement.kinds.push_back(figures_of(stream));
    }
    measurement.ended = now_us();
    measurement.plan = plan_;
    measurement.clock = {.resolution_ms = static_cast<double>(clock.resolution) / 1e6,
                         .stepped_ms = static_cast<double>(watch.stepped()) / 1e6,
                         .synchronised = clock.synchronised};
    return measurement;
}

Figures Session::figures_of(Stream& stream) {
    const ClockQuality clock = clock_quality();
    Figures figures;
    figures.path = stream.path;
    figures.route = stream.route;
    figures.flow = stream.flow->description();
    const Result<Route> route = ask_route(plan_.binding, stream.path.target.address);
    figures.route_changed = !route || !(*route == stream.route);
    if (stream.series.last_send_error() != 0) {
        figures.own.send_error = std::strerror(stream.series.last_send_error());
    }
    summarise(stream.series, plan_.wait,
              {.receive_drops = receive_drops(stream.socket.fd()),
               .longest_send_call = stream.longest_send_call,
               .clock_resolution = clock.resolution,
               .clock_tolerance = clock.tolerance},
              figures);
    return figures;
}

Result<Measurement> Session::measure(const Progress& progress) {
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // the default, 50 us, would be the error of the pacing
    return run_loop(progress, *stop);
}

}  // namespace rehome::probe
