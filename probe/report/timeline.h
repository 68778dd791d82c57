// Loss and delay of one path over time, thinned to some hundred buckets of equal width.
//
// The thinning hides nothing: of each bucket the lowest and the highest delay and the second that
// lost most stand beside the middle.  A probe belongs to the bucket in which it left.  Buckets
// begin at multiples of their width since 1970, so that those of several runs stand side by side.
// Pure.
#pragma once

#include <optional>
#include <vector>

#include "probe/core/record.h"

namespace rehome::probe {

struct Spread {
    double min_ms = 0;
    double p50_ms = 0;
    double p95_ms = 0;
    double max_ms = 0;
};

struct Bucket {
    Nanos begin = 0;
    uint32_t probes = 0;  // answered or lost
    uint32_t lost = 0;
    uint32_t ours = 0;            // never left this host, or kept by it: no carrier's
    double worst_second_pct = 0;  // the loss of that second of the bucket which lost most
    std::optional<Spread> rtt;    // of what was answered
};

struct Timeline {
    Nanos width = 0;
    std::vector<Bucket> buckets;  // without gaps: where nothing was sent, one without probes
};

constexpr size_t coarse_buckets = 26;  // for a table: those of a day are hours

inline double loss_pct(const Bucket& bucket) {  // of one with probes
    return 100.0 * bucket.lost / bucket.probes;
}

// Buckets are of a second and more.
Timeline timeline_of(const std::vector<ProbeRow>& probes, size_t most_buckets = 720);

}  // namespace rehome::probe
