// What vipctl can see of packets and flows: why, metrics; and the workers' observers, which the
// captures (daemon_capture.cpp) and the busiest (daemon_top.cpp) share.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

}  // namespace

Result<json> Daemon::see(const std::string& name, const json& request) {
    if (name == "why") {
        return why(request);
    }
    if (name == "flows") {
        return flows(request);
    }
    if (name == "capture") {
        return capture(request);
    }
    if (name == "top") {
        return top(request);
    }
    if (name == "metrics") {
        return metrics();
    }
    return fail(Exit::usage, "", "unknown command " + in_quotes(name));
}

Result<json> Daemon::why(const json& request) {
    const auto packet = parse_packet_text(request.value("packet", ""));
    if (!packet) {
        return tl::unexpected(packet.error());
    }
    const auto port = port_for(config(), tables(), request.value("port", ""), *packet);
    if (!port) {
        return tl::unexpected(port.error());
    }
    json answer;
    auto frame = frame_of(*packet);
    const auto asked = owner_of(frame, *port).ask([&](Datapath& d) {
        answer = why_live(d, config(), *packet, *port, monotonic_us());
    });
    return asked ? Result<json>(answer) : tl::unexpected(asked.error());
}

Result<json> Daemon::metrics() {
    const auto told = figures();
    return told ? Result<json>(json{{"text", metrics_text(*told)}}) : tl::unexpected(told.error());
}

// Hands each worker an observer of what is wanted now; none, when nothing is.
Result<> Daemon::observe(bool capturing) {
    for (size_t i = 0; i < workers_.size(); ++i) {
        const auto ring = capturing ? capture_->rings[i] : nullptr;
        const auto top = tops_.empty() ? nullptr : tops_[i];
        const bool wanted = ring != nullptr || top != nullptr;
        if (auto done =
                workers_[i]->set_observer(wanted ? std::make_shared<Observer>(ring, top) : nullptr);
            !done) {
            return done;
        }
    }
    return {};
}

// Whoever asked has gone: nobody looks on for nobody.
void Daemon::stop_looking(Micros now) {
    const bool capture_over = capture_ && now > capture_->until;
    const bool top_over = !tops_.empty() && now > top_until_;
    if (capture_over) {
        capture_.reset();
    }
    if (top_over) {
        tops_.clear();
    }
    if (capture_over || top_over) {
        (void)observe(capture_.has_value());  // a worker that does not answer is told of elsewhere
    }
}

}  // namespace rehome::vipd
