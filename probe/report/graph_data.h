// The figures that the graphs of a page draw, as JSON inside of it, and what is drawn together.
// Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "probe/report/report.h"

namespace rehome::probe {

// {"runs": [{"label", "paths": [{"t", "loss", "worst", "min", "p50", "p95", "max"}]}]}: lists with
// one value a bucket, null where there is none.  Without any "<", so that no script ends in it.
std::string graph_data(const Report& report);

// A path that several runs measured: their places, as (run, path).
struct Shared {
    std::string name;
    std::vector<std::pair<size_t, size_t>> places;
};
std::vector<Shared> shared_paths(const Report& report, size_t most);

}  // namespace rehome::probe
