// What the operator disables and enables: the orders, and how far they are.
#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/state/left_without.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

DisableTarget target_of(const json& request) {
    return {*level_of(request["level"].get<std::string>()), request["name"]};
}

DisableOrder order_of(const json& request, const Reply& caller) {
    DisableOrder order;
    order.mode = *disable_mode_of(request["command"].get<std::string>());
    order.rate_per_s = request.value("rate", 0.0);
    order.quiet_s = request.value("quiet_s", 0.0);
    order.icmp = request.value("icmp", false);
    order.anyway = request.value("anyway", false);
    order.said = {now_us(), caller.uid()};
    return order;
}

// What all workers have done together, as far as they have begun.
struct Progress {
    uint64_t reset = 0, forgotten = 0, left = 0, left_udp = 0, most = 0;
    bool counted = true;
};

Progress progress_of(uint64_t id, const Workers& workers) {
    Progress sum;
    for (const auto& worker : workers) {
        const auto courses = worker->endings();
        const auto own = std::find_if(courses.begin(), courses.end(),
                                      [id](const auto& course) { return course.id == id; });
        if (own == courses.end() || !own->left) {
            sum.counted = false;
        } else {
            sum.left += own->left->all();
            sum.left_udp += own->left->udp;
            sum.most = std::max<uint64_t>(sum.most, own->left->all());
        }
        sum.reset += own == courses.end() ? 0 : own->reset;
        sum.forgotten += own == courses.end() ? 0 : own->forgotten;
    }
    return sum;
}

size_t line_number(const Config& config, const std::string& carrier) {
    const auto found =
        std::find_if(config.lines.begin(), config.lines.end(),
                     [&](const LineConfig& line) { return line.carrier == carrier; });
    return static_cast<size_t>(found - config.lines.begin());
}

std::string all_of(const std::vector<std::string>& services) {
    std::string text = services.front();
    for (size_t i = 1; i < services.size() && i < 3; ++i) {
        text += ", " + services[i];
    }
    return services.size() > 3 ? fmt::format("{} and {} more", text, services.size() - 3) : text;
}

}  // namespace

// Of any request, whatever else is wrong with it.  Empty: there is such a thing, or none is named.
std::string Daemon::unknown_target(const json& request) const {
    const auto text = [&](const char* key) {
        const json said = request.is_object() ? request.value(key, json()) : json();
        return said.is_string() ? said.get<std::string>() : std::string();
    };
    const auto level = level_of(text("level"));
    const bool known =
        !level || text("name").empty() || Disabled::knows({*level, text("name")}, tables());
    return known ? "" : fmt::format("no {} is called \"{}\"", name(*level), text("name"));
}

json Daemon::disabled_now(const DisableTarget& target) const {
    const auto& orders = state_.orders().disabled;
    const auto found = orders.find(target);
    if (found == orders.end()) {
        return {};
    }
    const DisableOrder& order = found->second;
    const bool weak = order.mode == DisableMode::weak;
    const Progress now = progress_of(order.id, workers_);
    const auto if_weak = [&](const json& value) { return weak ? value : json(); };
    const auto if_counted = [&](const json& value) { return now.counted ? value : json(); };
    return {{"level", name(target.level)},
            {"name", target.name},
            {"mode", name(order.mode)},
            {"id", order.id},
            {"at", iso8601(order.said.at_us)},
            {"uid", order.said.uid},
            {"anyway", order.anyway},
            {"known", Disabled::knows(target, tables())},
            {"rate", if_weak(order.rate_per_s)},
            {"quiet_s", if_weak(order.quiet_s)},
            {"icmp", if_weak(order.icmp)},
            {"course", if_weak(order.runs() ? "running" : "done")},
            {"reset", if_weak(now.reset)},
            {"forgotten", if_weak(now.forgotten)},
            {"left", if_counted(now.left)},
            {"left_udp", if_counted(now.left_udp)},
            {"end_s", weak && now.counted
                          ? json(estimated_end_s(order, now.left, now.most, workers_.size()))
                          : json()}};
}

// Each site that there is, so that a word that none is disabled can be looked at.
json Daemon::sites_state() const {
    json all = json::array();
    for (const std::string& site : tables().sites()) {
        const auto& orders = state_.orders().disabled;
        const auto found = orders.find({Level::site, site});
        const bool weak = found != orders.end() && found->second.mode == DisableMode::weak;
        all.push_back({{"site", site},
                       {"state", found == orders.end() ? "enabled" : name(found->second.mode)},
                       {"course", !weak                  ? "none"
                                  : found->second.runs() ? "running"
                                                         : "done"}});
    }
    return all;
}

json Daemon::disabled_state() const {
    json all = json::array();
    for (const auto& [target, order] : state_.orders().disabled) {
        all.push_back(disabled_now(target));
    }
    return all;
}

// With what was in force before it, and, where another order has come meanwhile, that one.
void Daemon::answer_disabled(uint64_t epoch, const DisableTarget& target, uint64_t id,
                             const json& before, const Reply& reply) {
    when_in_force(epoch, reply, [this, target, id, before] {
        const json now = disabled_now(target);
        const bool same = id == 0 ? now.is_null() : now.is_object() && now["id"] == id;
        return json{{"level", name(target.level)},
                    {"name", target.name},
                    {"disabled", now},
                    {"before", before},
                    {"holds", same}};
    });
}

Result<> Daemon::may_order(const json& request) const {
    const DisableTarget target = target_of(request);
    const bool enables = request["command"] == "enable";
    const bool ordered = state_.orders().disabled.contains(target);
    if (const std::string unknown = unknown_target(request);
        !unknown.empty() && !(enables && ordered)) {
        return fail(Exit::usage, "", unknown);
    }
    if (enables || request.value("anyway", false)) {
        return {};
    }
    if (target.level == Level::line) {
        return state_.snapshot()->is_last(line_number(state_.config(), target.name))
                   ? fail(Exit::no, "",
                          "no gateway has another line of " + target.name +
                              " that is enabled: its clients would get no replies, expected "
                              "--anyway")
                   : Result<>();
    }
    const auto without = left_without(*state_.snapshot(), target);
    return without.empty()
               ? Result<>()
               : fail(Exit::no, "",
                      fmt::format("nobody else takes new flows of {}: a gateway of another site, "
                                  "or another server, that lives and is not disabled; expected "
                                  "--anyway",
                                  all_of(without)));
}

void Daemon::disable(const json& request, const Reply& reply) {
    if (const auto may = may_order(request); !may) {
        reply.refuse(may.error());
        return;
    }
    const DisableTarget target = target_of(request);
    const bool drains = target.level == Level::line && request["command"] != "enable" &&
                        request["command"] != "strong";
    if (!drains) {
        take_order(request, reply);
        return;
    }
    follow_workers();  // what has just ended is done
    const DisableOrder order = order_of(request, reply);
    const size_t line = line_number(state_.config(), target.name);
    auto before = std::make_shared<const json>(disabled_now(target));
    state_.drain(line, order, monotonic_us());
    draining_.push_back({line, order, std::move(before), reply});
}

// Nobody is asked any more whether it may be.
void Daemon::take_order(const json& request, const Reply& reply) {
    const DisableTarget target = target_of(request);
    follow_workers();
    const json before = disabled_now(target);
    if (request["command"] == "enable") {
        const uint64_t epoch = state_.enable(target, {now_us(), reply.uid()});
        answer_disabled(epoch, target, 0, before, reply);
    } else {
        const uint64_t epoch = state_.disable(target, order_of(request, reply));
        answer_disabled(epoch, target, state_.last_order_id(), before, reply);
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
        const std::string carrier = state_.config().lines[draining.line].carrier;
        const Orders& orders = state_.orders();
        const auto order = orders.disabled.find({Level::line, carrier});
        if (order == orders.disabled.end()) {
            const auto enabled = orders.enabled_lines.find(carrier);
            const bool again = enabled != orders.enabled_lines.end() &&
                               enabled->second.at_us >= draining.order.said.at_us;
            draining.reply.refuse(
                again ? fmt::format("the line was enabled again meanwhile, by uid {}",
                                    enabled->second.uid)
                      : "a peer has not confirmed within 2 s; the line stays enabled");
            return true;
        }
        if (draining.line >= snapshot.lines.size() ||
            snapshot.line(draining.line) != LineState::disabled ||
            !snapshot.disabled->orders().contains({Level::line, carrier})) {
            return false;  // with the next snapshot
        }
        const bool own = order->second.said == draining.order.said;
        answer_disabled(snapshot.epoch, {Level::line, carrier}, own ? order->second.id : UINT64_MAX,
                        *draining.before, draining.reply);
        return true;
    });
}

}  // namespace rehome::vipd
