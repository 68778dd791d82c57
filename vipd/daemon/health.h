// The health checks of a running vipd: what is checked by the configuration, the threads that check
// it, and what is made of their news: an observation for the state, lines for the log, and what
// status tells.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "vipd/adapter/health/prober.h"
#include "vipd/adapter/worker.h"
#include "vipd/health/judge.h"
#include "vipd/state/state.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

class HealthChecks {
public:
    // The workers hand on what answers checks through tunnels.
    explicit HealthChecks(Shared& shared) : shared_(shared) {}

    // Checks what that configuration says from now on; nothing to do where it is the same.
    void follow(const std::shared_ptr<const Config>& config, State& state);
    // Takes what the threads have found.
    void take(State& state, Micros now);
    Micros next_event() const { return judge_.next_event(); }
    std::vector<int> fds() const;  // readable: take()

    HealthCounts counts() const;
    nlohmann::json status(const Config& config, Micros now) const;

private:
    Prober* prober(Prober::Where where);  // null: it cannot be had, which is said
    void publish(State& state) const;
    void say_changes();

    Shared& shared_;
    std::shared_ptr<const Config> config_;
    CheckPlan plan_;
    HealthJudge judge_;
    std::map<uint32_t, EndpointHealth> said_;  // as the log has them
    std::map<uint32_t, std::string> not_run_;  // why not, of those of which nothing is known
    bool said_keeps_ = false;
    std::unique_ptr<Prober> host_, tunnels_;
    std::string trouble_;  // why nothing is checked through tunnels
};

}  // namespace rehome::vipd
