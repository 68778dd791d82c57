// The operator's orders.  An order is answered when every worker acts on a snapshot that has it.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/adapter/config_file.h"
#include "vipd/adapter/log.h"
#include "vipd/daemon/daemon.h"
#include "vipd/watch/changes.h"

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

Said said_by(const Reply& caller) {
    return {now_us(), caller.uid()};
}

}  // namespace

void Daemon::when_in_force(uint64_t epoch, const Reply& reply, std::function<json()> result) {
    ordered_.push_back({epoch, monotonic_us() + patience, std::move(result), reply});
}

// With its result: since which epoch every worker acts on it, who is late, and what went wrong with
// storing it or with the prefixes' routes.
// Nothing that was decided before is on its way any more, so that a line can be withdrawn.
void Daemon::answer_orders(Micros now) {
    std::erase_if(ordered_, [&](const Ordered& ordered) {
        json late = json::array();
        bool emptied = true;
        for (size_t i = 0; i < workers_.size(); ++i) {
            emptied = emptied && workers_[i]->drained() >= ordered.epoch;
            if (workers_[i]->acts_on() < ordered.epoch) {
                late.push_back(i);
            }
        }
        if (!emptied && now < ordered.deadline) {
            return false;
        }
        json result = ordered.result();
        result["epoch"] = ordered.epoch;
        result["late"] = late;
        result["not_stored"] =
            orders_file_.trouble().empty() ? json() : json(orders_file_.trouble());
        result["not_announced"] = held_trouble_.empty() ? json() : json(held_trouble_);
        ordered.reply.done(result);
        return true;
    });
}

void Daemon::share(const json& request, const Reply& reply) {
    if (request.contains("by") && !request.contains("percent")) {
        reply.refuse("by is given alone, expected a percent with it", Exit::usage);
        return;
    }
    if (!request.contains("percent")) {
        reply.done(share_json(state_.snapshot()->share));
        return;
    }
    const auto& peers = tables().peers();
    const auto sites_but_two = [&] {
        const MoveConfig& move = config().move;
        return PlacementWorld{tables().sites(), move.from, move.to, {}, 0}.other_site() == no_site;
    };
    if (request["percent"] > 0 &&
        std::all_of(peers.begin(), peers.end(), [](const auto& peer) { return peer.same_site; })) {
        reply.refuse(
            "there is no gateway of another site to which clients could go, expected "
            "one in the inventory");
        return;
    }
    if (request["percent"] > 0 && sites_but_two()) {
        reply.refuse("there are several other sites, expected `vipctl weights`, which names them");
        return;
    }
    const auto& placed = state_.orders().placement;
    if (placed && placed->rules->weighs_all()) {
        reply.refuse("weights of all services are in force, expected `vipctl weights`");
        return;
    }
    if (request["percent"] > 0 && !tables().maps().empty() && !request.value("break-maps", false)) {
        reply.refuse(fmt::format(
            "maps keep no state ({} among them): a share moves their live flows to another server, "
            "which breaks them, expected --break-maps",
            tables().maps().front().name));
        return;
    }
    const bool by_port = request.value("by", "address") == "address-port";
    const Share share{static_cast<uint32_t>(std::lround(request["percent"].get<double>() * 100)),
                      by_port ? ShareBy::address_port : ShareBy::address};
    when_in_force(state_.order(ShareOrder{share, said_by(reply)}), reply,
                  [share] { return share_json(share); });
}

json Daemon::idle_reset_progress() const {
    json peers = json::array();
    bool running = false;
    uint64_t reset = 0;
    for (size_t i = 0; i < config().peers.size(); ++i) {
        if (state_.snapshot()->peers[i].resets_idle) {
            peers.push_back(config().peers[i].gateway);
        }
    }
    for (const auto& worker : workers_) {
        const auto told = worker->idle_reset();
        running = running || told.running;
        reset += told.reset;
    }
    return {{"after_s", config().flows.idle_reset_s},
            {"rate", state_.snapshot()->idle_reset_per_s},
            {"peers", peers},
            {"running", running},
            {"reset", reset}};
}

// What status tells of the orders beside what they are.
json Daemon::orders_state() const {
    const Resumed& resumed = orders_file_.resumed();
    const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
    return {{"path", orders_file_.path()},
            {"not_stored", or_null(orders_file_.trouble())},
            {"set_aside", or_null(resumed.aside)},
            {"kept_at", or_null(orders_file_.kept_aside())},
            {"away_s", resumed.away_s ? json(*resumed.away_s) : json()},
            {"confirmed", state_.confirmed()},
            {"confirmed_by", or_null(state_.confirmed_by())}};
}

void Daemon::confirm(const json&, const Reply& reply) {
    log_line("confirmed: {} -> true, ordered by uid {}", state_.confirmed(), reply.uid());
    told_confirmed_ = true;
    when_in_force(state_.confirm(), reply, [] { return json{{"confirmed", true}}; });
}

void Daemon::reload(const json&, const Reply& reply) {
    auto file = read_config_file(config_path_);
    if (!file) {
        reply.refuse(all_of(file.error()));
        return;
    }
    if (const auto errors = needs_restart(state_.config(), file->config); !errors.empty()) {
        reply.refuse(all_of(errors));
        return;
    }
    if (tables().service_numbers() + file->config.services.size() > Flow::services_max) {
        reply.refuse("there were too many services since vipd began, expected a restart");
        return;
    }
    const auto& order = state_.orders().access;
    const auto rules = order ? order->rules : file->config.access.rules;
    const auto config = std::make_shared<const Config>(file->config);
    with_access(rules, config, reply,
                [this, reply, file = std::move(*file)](const BuiltAccess& built) mutable {
                    take_file(std::move(file), built.access, reply);
                });
}

void Daemon::take_file(ConfigFile file, std::shared_ptr<const Access> access, const Reply& reply) {
    const size_t services = file.config.services.size();
    const bool other_trust =
        file.config.keys != state_.config().keys || (file.keys && *file.keys != *state_.keys());
    const json before = to_json(state_.config());
    config_text_ = std::move(file.text);
    state_.rekey(std::move(file.keys));
    state_.access(std::move(access));
    const uint64_t epoch = state_.reload(std::move(file.config));
    log_line("{}", reload_change(before, to_json(state_.config()), reply.uid()));
    when_in_force(epoch, reply, [services] { return json{{"services", services}}; });
    if (other_trust) {
        say_whom_it_trusts();
    }
}

}  // namespace rehome::vipd
