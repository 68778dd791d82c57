// See session.h.
#include "probe/adapter/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <limits>

#include "probe/adapter/kernel_route.h"
#include "probe/adapter/own_host.h"
#include "probe/adapter/system_clock.h"
#include "probe/core/service.h"

namespace rehome::probe {

namespace {

constexpr Nanos one_second = 1'000'000'000;

// The kernel begins to stamp packets a little after the first socket asks for it.
constexpr Nanos warm_up = 20'000'000;

Result<Route> verify_route(const Binding& binding, const Path& path, uint8_t dscp) {
    if (!is_here(binding.source)) {
        return fail(Exit::world, "source " + binding.source.text(),
                    "is no address of this host, expected one");
    }
    Result<Route> route = ask_route(binding, probe_packet(path, first_source_port, dscp));
    if (!route) {
        return route;
    }
    if (const auto good = check_route(binding, path.target.address, *route); !good) {
        return tl::unexpected(good.error());
    }
    return route;
}

}  // namespace

Result<std::vector<Route>> verify_routes(const Plan& plan) {
    std::vector<Route> routes;
    for (const Path& path : plan.paths) {
        const Binding binding = plan.binding_for(path.target.address.family).value();
        const Result<Route> route = verify_route(binding, path, plan.dscp);
        if (!route) {
            return tl::unexpected(route.error());
        }
        routes.push_back(*route);
    }
    return routes;
}

Result<Session> Session::open(const Plan& plan, std::vector<Route> routes) {
    Session session(plan);
    for (size_t i = 0; i < plan.paths.size(); ++i) {
        Result<Stream> stream = Stream::open(plan, plan.paths[i], routes.at(i));
        if (!stream) {
            return tl::unexpected(stream.error());
        }
        session.streams_.push_back(std::move(*stream));
    }
    auto watch = RouteWatch::open();
    if (!watch) {
        return tl::unexpected(watch.error());
    }
    session.watch_ = std::move(*watch);
    return session;
}

// Spread over one interval, so that the paths' probes do not leave as one burst.
void Session::start(Nanos start) {
    const Nanos interval = static_cast<Nanos>(1e9 / plan_.rate_pps);
    const auto count = static_cast<Nanos>(streams_.size());
    for (Nanos i = 0; i < count; ++i) {
        streams_[static_cast<size_t>(i)].start(Schedule(plan_.sampling, plan_.rate_pps,
                                                        plan_.seed + static_cast<uint64_t>(i),
                                                        start + warm_up + interval * i / count));
    }
}

// Of those that are settled already nothing is to come.
Nanos Session::next_event(Nanos now) const {
    Nanos next = std::numeric_limits<Nanos>::max();
    for (const Stream& stream : streams_) {
        next = stream.finished(now) ? next : std::min(next, stream.next_event());
    }
    return next;
}

bool Session::finished(Nanos now) const {
    return std::all_of(streams_.begin(), streams_.end(),
                       [now](const Stream& stream) { return stream.finished(now); });
}

void Session::ask_again() {
    for (Stream& stream : streams_) {
        stream.ask_again();
    }
}

void Session::stop_sending() {
    stopping_ = true;
    for (Stream& stream : streams_) {
        stream.stop();
    }
}

bool Session::sleep_until(Nanos when, const StopSignal& stop) {
    // Once it has come it would end every sleep; poll passes over negative descriptors.
    std::vector<pollfd> polls{{.fd = stopping_ ? -1 : stop.fd(), .events = POLLIN, .revents = 0}};
    for (const Stream& stream : streams_) {
        polls.push_back({.fd = stream.fd(), .events = POLLIN, .revents = 0});
        polls.push_back({.fd = stream.capture_fd(), .events = POLLIN, .revents = 0});
    }
    polls.push_back({.fd = watch_->fd(), .events = POLLIN, .revents = 0});
    // At most a second, for the progress line.
    const Nanos time = std::clamp<Nanos>(when - monotonic_now(), 0, one_second);
    const timespec timeout{.tv_sec = time / one_second, .tv_nsec = time % one_second};
    ppoll(polls.data(), polls.size(), &timeout, nullptr);
    return polls.front().revents != 0;
}

std::string Session::progress_line() const {
    std::string line;
    for (const Stream& stream : streams_) {
        line += (line.empty() ? "" : "; ") + stream.progress();
    }
    return line;
}

// What is known before the first probe.
Measurement Session::begun() const {
    const ClockQuality clock = clock_quality();
    Measurement measurement;
    measurement.at = now_us();
    measurement.ended = measurement.at;
    measurement.interrupted = true;
    measurement.plan = plan_;
    measurement.clock = {.resolution_ms = static_cast<double>(clock.resolution) / 1e6,
                         .stepped_ms = 0,
                         .synchronised = clock.synchronised};
    return measurement;
}

void Session::run_loop(const Progress& progress, const StopSignal& stop) {
    Nanos now = monotonic_now();
    Nanos next_progress = now + one_second;
    start(now);
    while (!finished(now)) {
        for (Stream& stream : streams_) {
            stream.read(inbox_);
            stream.send_due();
        }
        now = monotonic_now();
        if (watch_->take()) {
            ask_again();
        }
        if (now >= next_progress) {
            next_progress = now + one_second;
            progress(progress_line());
            recorder_->note_clock(clock_watch_.stepped());
        }
        recorder_->note(streams_, now);
        if (sleep_until(std::min(next_event(now), recorder_->next_note()), stop)) {
            stop_sending();
        }
        now = monotonic_now();
    }
    for (Stream& stream : streams_) {
        while (stream.read(inbox_)) {
        }
    }
}

Result<Measurement> Session::measure(const Progress& progress, Recorder& recorder) {
    const auto stop = StopSignal::watch({.hangs_up = true});
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // the default, 50 us, would be the error of the pacing
    const HostCounters counters = host_counters();
    clock_watch_ = ClockWatch();
    recorder_ = &recorder;
    Measurement measurement = begun();
    recorder.start(measurement, streams_);
    run_loop(progress, *stop);
    for (Stream& stream : streams_) {
        measurement.kinds.push_back(stream.figures());
    }
    judge_services(measurement.kinds);
    measurement.host_counters = rises(counters, host_counters());
    measurement.interrupted = stopping_;
    measurement.ended = now_us();
    measurement.clock.stepped_ms = static_cast<double>(clock_watch_.stepped()) / 1e6;
    measurement.record = recorder.settle(streams_, plan_.wait);
    return measurement;
}

}  // namespace rehome::probe
