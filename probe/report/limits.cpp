// What a report cannot tell, in plain words; see words.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/report/inputs.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

bool is_tcp(const RunReport& run) {
    return std::any_of(run.paths.begin(), run.paths.end(),
                       [](const PathReport& path) { return path.record->path.kind == Kind::tcp; });
}

}  // namespace

std::vector<std::string> limits_of(const Report& report) {
    double slowest = std::numeric_limits<double>::max();
    bool tcp = false;
    bool unsynchronised = false;
    for (const RunReport& run : report.runs) {
        slowest = std::min(slowest, run.record->plan.rate_pps);
        tcp = tcp || is_tcp(run);
        unsynchronised = unsynchronised || !run.measurement.clock.synchronised;
    }
    std::vector<std::string> limits;
    const auto tell = [&limits](std::string what) { limits.push_back(std::move(what)); };
    tell(
        "A round trip goes there and back: but for what a STAMP reflector counted, it does not "
        "tell in which direction a packet was lost or delayed, nor at which hop. The target's own "
        "time is part of the delay.");
    tell(
        fmt::format("Between two probes there are {:g} ms: what was shorter may have been missed, "
                    "and begin and end of a loss period are known to so much.",
                    std::round(1e6 / slowest) / 1e3));
    tell(
        "Only these packets were sent: of other sizes, other ports or another class of service a "
        "router may think otherwise, and other flows may take another of several equal ways.");
    tell(
        fmt::format("Intervals hold the truth in 95 of 100 cases as long as losses come in bursts "
                    "of up to {:g} s, and delays hang together for no longer than a part of the "
                    "run. What stood still over the whole run cannot be seen in it.",
                    report.terms.burst_s));
    tell(
        "Times are the kernel's, of this host: what its network card and driver add or drop is "
        "not seen, and is part of the figures.");
    if (tcp) {
        limits.emplace_back(
            "TCP: an answer that came 1 s after its SYN or later was repeated by the target; its "
            "first one was lost on the way, or the SYN was answered late. It counts as lost.");
    }
    limits.emplace_back(
        unsynchronised
            ? "The clock of a host was not synchronised: delays and lengths are right, the times "
              "of day may be off. Ask for its offset before holding them against other logs."
            : "The times of day are as good as the synchronisation of the host's clock.");
    for (std::string& difference : differences_of(report.runs)) {
        limits.push_back(std::move(difference));
    }
    return limits;
}

}  // namespace rehome::probe
