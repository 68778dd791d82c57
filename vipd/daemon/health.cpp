#include "vipd/daemon/health.h"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/adapter/log.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

// "meters/s1, meters/s2 and 7 more": whose an endpoint is.
std::string users(const Config& config, const CheckPlan& plan, uint32_t id) {
    constexpr size_t named = 3;
    std::string text;
    size_t count = 0;
    for (const ServiceConfig& service : config.services) {
        const auto ids = plan.services.find(service.name);
        for (size_t i = 0; ids != plan.services.end() && i < ids->second.size(); ++i) {
            if (ids->second[i] == id && count++ < named) {
                text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", service.name,
                                    service.servers[i].name);
            }
        }
    }
    return count > named ? fmt::format("{} and {} more", text, count - named) : text;
}

int64_t wall_us(Micros monotonic) {
    return now_us() - (monotonic_us() - monotonic);
}

}  // namespace

Prober* HealthChecks::prober(Prober::Where where) {
    auto& prober = where == Prober::Where::host ? host_ : tunnels_;
    if (prober == nullptr) {
        auto started = Prober::start(where);
        if (!started) {
            if (trouble_ != started.error().text()) {
                trouble_ = started.error().text();
                log_line("{}", trouble_);
            }
            return nullptr;
        }
        prober = std::move(*started);
        if (where == Prober::Where::tunnels) {
            shared_.checks->store(prober->tun_fd());
        }
    }
    return prober.get();
}

void HealthChecks::follow(const std::shared_ptr<const Config>& config, State& state) {
    if (config == config_) {
        return;
    }
    config_ = config;
    const bool any_before = !plan_.endpoints.empty();
    plan_ = plan_checks(*config, plan_);
    judge_.set(plan_);
    std::erase_if(not_run_, [&](const auto& one) { return judge_.of(one.first) == nullptr; });
    for (const CheckedEndpoint& endpoint : plan_.endpoints) {
        said_.try_emplace(endpoint.id, *judge_.of(endpoint.id));
    }
    for (const auto where : {Prober::Where::host, Prober::Where::tunnels}) {
        std::vector<CheckedEndpoint> endpoints;
        for (const CheckedEndpoint& endpoint : plan_.endpoints) {
            if (endpoint.tunnel.has_value() == (where == Prober::Where::tunnels)) {
                endpoints.push_back(endpoint);
            }
        }
        const bool runs = (where == Prober::Where::host ? host_ : tunnels_) != nullptr;
        Prober* found = endpoints.empty() && !runs ? nullptr : prober(where);
        if (found != nullptr) {
            found->set(std::move(endpoints));
        } else {
            for (const CheckedEndpoint& endpoint : endpoints) {
                not_run_[endpoint.id] = trouble_;
            }
        }
    }
    if (any_before || !plan_.endpoints.empty()) {
        publish(state);
    }
}

std::vector<int> HealthChecks::fds() const {
    std::vector<int> fds;
    for (const auto* prober : {&host_, &tunnels_}) {
        if (*prober != nullptr) {
            fds.push_back((*prober)->fd());
        }
    }
    return fds;
}

void HealthChecks::take(State& state, Micros now) {
    for (const auto* prober : {&host_, &tunnels_}) {
        if (*prober == nullptr) {
            continue;
        }
        for (const CheckNews& news : (*prober)->take()) {
            if (news.looks == CheckNews::Looks::not_run) {
                not_run_[news.id] = news.why;
            } else {
                not_run_.erase(news.id);
            }
            if (news.looks == CheckNews::Looks::up || news.looks == CheckNews::Looks::down) {
                judge_.looks(news.id, news.looks == CheckNews::Looks::up, news.why, now);
            } else if (news.looks == CheckNews::Looks::still_down) {
                judge_.still_down(news.id, news.why, now);
            }
        }
    }
    if (judge_.advance(now)) {
        say_changes();
        publish(state);
    }
}

// One line an endpoint, however many services use it.
void HealthChecks::say_changes() {
    if (judge_.keeps() != said_keeps_) {
        said_keeps_ = judge_.keeps();
        log_line("health: {} of {} endpoints look down: {}", judge_.look_down(), judge_.size(),
                 said_keeps_ ? "more likely it is us, and they are kept as they were"
                             : "no longer kept as they were");
    }
    std::map<uint32_t, EndpointHealth> now;
    for (const CheckedEndpoint& endpoint : plan_.endpoints) {
        const EndpointHealth& is = *judge_.of(endpoint.id);
        const EndpointHealth was = said_[endpoint.id];
        if (is.state != was.state) {
            const bool held = is.down() && is.held_until != 0;
            log_line(
                "health of {} ({}): {} -> {}{}{}", endpoint.text(),
                users(*config_, plan_, endpoint.id), name(was.state), name(is.state),
                is.why.empty() ? "" : ": " + is.why,
                held ? fmt::format(", flaps: held down until {}", iso8601(wall_us(is.held_until)))
                     : "");
        }
        now[endpoint.id] = is;
    }
    said_ = std::move(now);
}

void HealthChecks::publish(State& state) const {
    auto made = std::make_shared<ServersHealth>();
    for (const auto& [service, ids] : plan_.services) {
        auto& servers = made->services[service];
        for (const uint32_t id : ids) {
            servers.push_back(*judge_.of(id));
        }
    }
    made->keeps = judge_.keeps();
    made->look_down = judge_.look_down();
    made->endpoints = judge_.size();
    state.health(std::move(made));
}

HealthCounts HealthChecks::counts() const {
    HealthCounts counts;
    for (const auto* prober : {&host_, &tunnels_}) {
        if (*prober != nullptr) {
            const CheckCounts of = (*prober)->counts();
            counts.run += of.run;
            counts.failed += of.failed;
            counts.not_run += of.not_run;
        }
    }
    for (const CheckedEndpoint& endpoint : plan_.endpoints) {
        const EndpointHealth& health = *judge_.of(endpoint.id);
        counts.up += health.state == EndpointHealth::State::up ? 1 : 0;
        counts.down += health.down() ? 1 : 0;
        counts.kept += health.kept_up ? 1 : 0;
    }
    return counts;
}

json HealthChecks::status(const Config& config, Micros now) const {
    json servers = json::array();
    for (const ServiceConfig& service : config.services) {
        const auto ids = plan_.services.find(service.name);
        const bool known =
            ids != plan_.services.end() && ids->second.size() == service.servers.size();
        for (size_t i = 0; known && i < service.servers.size(); ++i) {
            const EndpointHealth& health = *judge_.of(ids->second[i]);
            const auto not_run = not_run_.find(ids->second[i]);
            const bool checked = not_run == not_run_.end();
            const std::string why = checked ? health.why : not_run->second;
            const auto time = [](Micros at) {
                return at == 0 ? json() : json(iso8601(wall_us(at)));
            };
            servers.push_back(
                {{"service", service.name},
                 {"server", service.servers[i].name},
                 {"address", service.servers[i].address.text()},
                 {"state", name(health.state)},
                 {"kept", health.kept_up},
                 {"checked", checked},
                 {"since", time(health.since)},
                 {"held_until",
                  health.held_until > now ? json(iso8601(wall_us(health.held_until))) : json()},
                 {"why", why.empty() ? json() : json(why)},
                 {"why_since", time(checked ? health.why_since : 0)}});
        }
    }
    return {{"keeps", judge_.keeps()},
            {"look_down", judge_.look_down()},
            {"endpoints", judge_.size()},
            {"servers", servers}};
}

}  // namespace rehome::vipd
