// A run: verify the routes, open the sockets, send and read until every probe is settled.
//
//   ask_route, check_route    for each path, before anything else
//   open                      needs privileges; the caller drops them after it
//   measure                   one loop: read what came, then send what is due, then sleep; asks for
//                             the routes again when the kernel tells of a change
//
// Reading first costs a probe nothing, as the kernel stamps arrivals.  Not thread-safe.
#pragma once

#include <functional>
#include <vector>

#include "common/stop_signal.h"
#include "probe/adapter/recorder.h"
#include "probe/adapter/route_watch.h"
#include "probe/adapter/stream.h"
#include "probe/adapter/system_clock.h"
#include "probe/core/measurement.h"

namespace rehome::probe {

// One route a path of the plan, all of them acceptable.
Result<std::vector<Route>> verify_routes(const Plan& plan);

class Session {
public:
    static Result<Session> open(const Plan& plan, std::vector<Route> routes);

    // progress: called about once a second with a line to show.
    using Progress = std::function<void(const std::string&)>;
    Result<Measurement> measure(const Progress& progress, Recorder& recorder);

private:
    // Behind a probe's message the kernel's reports show the headers of its link.
    static constexpr size_t inbox_room = 256;

    explicit Session(Plan plan) : plan_(std::move(plan)), inbox_(inbox_room + plan_.size) {}

    void start(Nanos start);
    Nanos next_event(Nanos now) const;
    bool finished(Nanos now) const;
    bool sleep_until(Nanos when, const StopSignal& stop);  // true: asked to stop
    void ask_again();
    void stop_sending();
    Measurement begun() const;
    void run_loop(const Progress& progress, const StopSignal& stop);
    std::string progress_line() const;

    Plan plan_;
    std::vector<Stream> streams_;
    std::optional<RouteWatch> watch_;
    Inbox inbox_;
    bool stopping_ = false;
    Recorder* recorder_ = nullptr;
    ClockWatch clock_watch_{};
};

}  // namespace rehome::probe
