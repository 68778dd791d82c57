// See doubts.h.
#include "probe/core/doubts.h"

#include <fmt/format.h>

namespace rehome::probe {

namespace {

std::string without_answer(const Plan& plan, const Figures& figures, const std::string& refusal) {
    if (!refusal.empty()) {
        return fmt::format("no reflector is there: {}; the path is whole", refusal);
    }
    const uint32_t unauthentic = figures.counts.unauthentic;
    if (!plan.authenticated) {
        return "no answer: the path, or the reflector: is one there, and without a key?";
    }
    return fmt::format(
        "{}: the path, or the key or the mode of the reflector?",
        unauthentic != 0
            ? fmt::format("{} answers without the right HMAC, and none with it", unauthentic)
            : "no answer");
}

bool began_to_count_anew(const Figures& figures) {
    return figures.directions && figures.directions->why == began_anew;
}

}  // namespace

std::string reflector_doubt(const Plan& plan, const Figures& figures) {
    const Counts& counts = figures.counts;
    if (figures.path.kind != Kind::udp || counts.lost == 0) {
        return "";
    }
    const std::string unreachable = "port unreachable by " + figures.path.target.address.text();
    const std::string refusal = figures.icmp_error == unreachable ? unreachable : "";
    if (counts.received == 0) {
        return without_answer(plan, figures, refusal);
    }
    if (refusal.empty() && !began_to_count_anew(figures)) {
        return "";
    }
    return fmt::format("{}; which of the {} lost the path lost cannot be told",
                       refusal.empty() ? began_anew : "the reflector was away: " + refusal,
                       counts.lost);
}

std::vector<std::string> doubts_of(const Measurement& measurement) {
    std::vector<std::string> doubts;
    for (const Figures& figures : measurement.kinds) {
        const std::string doubt = reflector_doubt(measurement.plan, figures);
        if (!doubt.empty()) {
            doubts.push_back(fmt::format("udp {}: {}", figures.path.target_text(), doubt));
        }
    }
    if (measurement.clock.stepped_ms != 0) {
        doubts.push_back(
            fmt::format("the clock was set by {:.3f} ms during the run: delays across "
                        "that moment are wrong",
                        measurement.clock.stepped_ms));
    }
    return doubts;
}

}  // namespace rehome::probe
