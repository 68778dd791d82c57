// A run: verify the routes, open the sockets, send and read until every probe is settled.
//
//   ask_route, check_route    for each path, before anything else
//   open                      needs privileges; the caller drops them after it
//   measure                   one loop: read what came, then send what is due, then sleep
//
// Reading first costs a probe nothing (the kernel stamps arrivals) and is bounded by a batch a
// socket, so that sending is not held up.  Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/stop_signal.h"
#include "probe/adapter/inbox.h"
#include "probe/adapter/probe_socket.h"
#include "probe/adapter/system_clock.h"
#include "probe/core/measurement.h"
#include "probe/core/series.h"

namespace rehome::probe {

// One route a path of the plan, all of them acceptable.
Result<std::vector<Route>> verify_routes(const Plan& plan);

class Session {
public:
    static Result<Session> open(const Plan& plan, std::vector<Route> routes);

    // progress: called about once a second with a line to show.
    using Progress = std::function<void(const std::string&)>;
    Result<Measurement> measure(const Progress& progress);

private:
    struct Stream {
        Path path;
        Route route;
        ProbeSocket socket;
        std::unique_ptr<Flow> flow;
        Schedule schedule;
        Series series;
        Nanos last_sent = 0;
        Nanos longest_send_call = 0;
    };

    explicit Session(Plan plan) : plan_(std::move(plan)) {}
    static Result<Stream> open_stream(const Plan& plan, const Path& path, const Route& route);

    void start(Nanos start);
    bool read(Stream& stream);  // false when both queues are empty
    void take_packet(Stream& stream, const Delivered& packet);
    void take_report(Stream& stream, const Delivered& report);
    void send_due(Stream& stream);
    bool all_sent(const Stream& stream) const;
    Nanos next_event(Nanos now) const;
    bool finished(Nanos now) const;
    bool sleep_until(Nanos when, const StopSignal& stop);  // true: asked to stop
    Result<Measurement> run_loop(const Progress& progress, const StopSignal& stop);
    Figures figures_of(Stream& stream);
    std::string progress_line() const;

    Plan plan_;
    std::vector<Stream> streams_;
    Inbox inbox_{256};
    bool stopping_ = false;
};

}  // namespace rehome::probe
