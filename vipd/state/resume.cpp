#include "vipd/state/resume.h"

#include <algorithm>
#include <cstdlib>

namespace rehome::vipd {

namespace {

// Nothing is known yet of flows that were served before: they are met as their clients speak.
constexpr double resumed_quiet_s = 10;

// Whether a move may have ended meanwhile.  A clock that went back tells nothing of how long vipd
// was away.
bool too_long(const Config& config, int64_t away_s) {
    return config.move.exists() && config.orders.absence_s != 0 &&
           std::abs(away_s) > int64_t{config.orders.absence_s};
}

std::string named(const MoveConfig& move) {
    const std::string sites = move.from + " to " + move.to;
    return move.name.empty() ? sites : move.name + " (" + sites + ")";
}

}  // namespace

Resumed resume(const Config& config, const Stored& stored, int64_t now_us) {
    Resumed resumed;
    resumed.away_s = (now_us - stored.alive_at_us) / 1'000'000;
    resumed.begin.ran_before = true;
    resumed.begin.confirmed =
        (stored.confirmed || !config.move.exists()) && !too_long(config, *resumed.away_s);
    if (stored.gateway != config.gateway) {
        resumed.aside = "they are gateway " + stored.gateway + "'s";
    } else if (stored.move.id != config.move.id) {
        resumed.aside = stored.move.exists() ? "they belong to another move, " + named(stored.move)
                                             : "they were given where nothing moved";
    } else {
        resumed.begin.orders = stored.orders;
    }
    for (auto& [target, order] : resumed.begin.orders.disabled) {
        order.quiet_s = order.runs() ? std::max(order.quiet_s, resumed_quiet_s) : order.quiet_s;
    }
    return resumed;
}

Resumed resume_unreadable(const Config& config, int64_t written_at_us, int64_t now_us) {
    Resumed resumed;
    resumed.away_s = (now_us - written_at_us) / 1'000'000;
    resumed.begin.ran_before = true;
    resumed.begin.confirmed = !too_long(config, *resumed.away_s);
    resumed.aside = "they cannot be read";
    return resumed;
}

}  // namespace rehome::vipd
