// The operator's orders.  An order is answered when every worker acts on a snapshot that has it.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/adapter/config_file.h"
#include "vipd/daemon/daemon.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr Micros patience = 2'000'000;  // with a worker that does not come round

std::string all_of(const std::vector<Error>& errors) {
    std::string text;
    for (const auto& error : errors) {
        text += (text.empty() ? "" : "\n") + error.text();
    }
    return text;
}

Said said_now() {
    return {now_us(), 0};
}

}  // namespace

void Daemon::order(const std::string& name, const json& request, const Reply& reply) {
    if (name == "line") {
        line(request, reply);
    } else if (name == "share") {
        share(request, reply);
    } else if (name == "relogin") {
        relogin(request, reply);
    } else {
        reload(reply);
    }
}

void Daemon::when_in_force(uint64_t epoch, const Reply& reply, std::function<void()> done) {
    ordered_.push_back({epoch, monotonic_us() + patience, std::move(done), reply});
}

void Daemon::answer_orders(Micros now) {
    std::vector<Ordered> waiting = std::exchange(ordered_, {});
    std::erase_if(waiting, [&](const Ordered& ordered) {
        const auto late = std::find_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
            return worker->acts_on() < ordered.epoch;
        });
        if (late == workers_.end()) {
            ordered.done();
        } else if (now >= ordered.deadline) {
            ordered.reply.refuse(
                fmt::format("worker {} has not come to it within 2 s; it acts on it when it comes",
                            late - workers_.begin()));
        }
        return late == workers_.end() || now >= ordered.deadline;
    });
    ordered_.insert(ordered_.end(), waiting.begin(), waiting.end());
}

void Daemon::share(const json& request, const Reply& reply) {
    if (!request.contains("percent")) {
        reply.done(share_json(state_.snapshot()->share));
        return;
    }
    const double percent = request["percent"].is_number() ? request["percent"].get<double>() : -1;
    const std::string by = request.value("by", "address");
    if (percent < 0 || percent > 100 || (by != "address" && by != "address-port")) {
        reply.refuse("expected a share of 0 to 100 percent, by address or address-port");
        return;
    }
    const Share share{static_cast<uint32_t>(std::lround(percent * 100)),
                      by == "address" ? ShareBy::address : ShareBy::address_port};
    when_in_force(state_.order(ShareOrder{share, said_now()}), reply,
                  [reply, share] { reply.done(share_json(share)); });
}

// How it goes at all workers together.
Result<json> Daemon::relogin_progress() {
    bool running = false;
    uint64_t reset = 0, remaining = 0;
    const auto asked = ask_all([&](Datapath& d) {
        running = running || d.relogin().running();
        reset += d.relogin().flows_reset();
        remaining += d.relogin().remaining(d.flows());
    });
    return asked ? Result<json>(
                       json{{"running", running}, {"reset", reset}, {"remaining", remaining}})
                 : tl::unexpected(asked.error());
}

void Daemon::relogin(const json& request, const Reply& reply) {
    ReloginOrder order;
    order.said = said_now();
    const bool stop = request.value("stop", false);
    if (!stop) {
        order.rate_per_s = request.value("rate", 0.0);
        if (!(order.rate_per_s > 0 && order.rate_per_s <= 1e6)) {
            reply.refuse("expected a rate of more than 0 and at most 1,000,000 flows per second");
            return;
        }
    }
    order.service = request.value("service", "");
    for (const auto& service : tables().services()) {
        if (service.config.name == order.service) {
            order.number = service.number;
        }
    }
    if (!order.service.empty() && !order.number) {
        reply.refuse("no service is called \"" + order.service + "\"");
        return;
    }
    when_in_force(stop ? state_.stop_relogin(order.said) : state_.relogin(order), reply,
                  [this, reply] {
                      const auto progress = relogin_progress();
                      progress ? reply.done(*progress) : reply.refuse(progress.error().text());
                  });
}

void Daemon::reload(const Reply& reply) {
    auto config = read_config(config_path_);
    if (!config) {
        reply.refuse(all_of(config.error()));
        return;
    }
    if (const auto errors = needs_restart(state_.config(), *config); !errors.empty()) {
        reply.refuse(all_of(errors));
        return;
    }
    if (tables().service_numbers() + config->services.size() > Flow::services_max) {
        reply.refuse("there were too many services since vipd began, expected a restart");
        return;
    }
    const size_t services = config->services.size();
    when_in_force(state_.reload(std::move(*config)), reply, [reply, services] {
        reply.done(json{{"services", services}});
    });
}

void Daemon::line(const json& request, const Reply& reply) {
    const std::string carrier = request.value("carrier", "");
    const std::string state = request.value("state", "");
    const auto& lines = state_.config().lines;
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const auto& l) { return l.carrier == carrier; });
    if (found == lines.end() || (state != "enable" && state != "disable")) {
        reply.refuse("expected a carrier of this gateway's lines, and enable or disable");
        return;
    }
    const auto index = static_cast<size_t>(found - lines.begin());
    if (state == "enable") {
        when_in_force(state_.order(index, {true, said_now()}), reply, [reply, carrier] {
            reply.done(json{{"carrier", carrier}, {"enabled", true}});
        });
    } else {
        state_.drain(index, said_now(), monotonic_us());
        draining_.push_back({index, reply});
    }
}

// Who waits for a line to be disabled is answered when it is so at every worker.  A peer that does
// not confirm in time is an error, and the line stays in use: better than replies that nobody can
// carry.
void Daemon::answer_draining() {
    std::erase_if(draining_, [&](const Draining& draining) {
        if (state_.draining(draining.line)) {
            return false;
        }
        const Snapshot& snapshot = *state_.snapshot();
        const std::string carrier = snapshot.config->lines[draining.line].carrier;
        const auto& orders = state_.orders().lines;
        const auto order = orders.find(carrier);
        if (order == orders.end() || order->second.enabled) {
            draining.reply.refuse("a peer has not confirmed within 2 s; the line stays enabled");
            return true;
        }
        if (snapshot.line(draining.line) != LineState::disabled) {
            return false;  // with the next snapshot
        }
        when_in_force(snapshot.epoch, draining.reply, [reply = draining.reply, carrier] {
            reply.done(json{{"carrier", carrier}, {"enabled", false}});
        });
        return true;
    });
}

}  // namespace rehome::vipd
