// See graph_data.h.
#include "probe/report/graph_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "probe/report/escape.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

template <typename Of>
std::string values(const std::vector<Bucket>& buckets, const Of& of) {
    std::string list;
    for (const Bucket& bucket : buckets) {
        list += (list.empty() ? "" : ",") + of(bucket);
    }
    return list;
}

auto share(double (*of)(const Bucket&)) {
    return [of](const Bucket& bucket) {
        return bucket.probes == 0 ? "null" : fmt::format("{:.4g}", of(bucket));
    };
}

auto delay(double Spread::*of) {
    return [of](const Bucket& bucket) {
        return bucket.rtt ? fmt::format("{:.6g}", *bucket.rtt.*of) : "null";
    };
}

// Milliseconds since 1970, as JavaScript counts.
std::string begin(const Bucket& bucket) {
    return std::to_string(bucket.begin / 1'000'000);
}

std::string path_data(const Timeline& timeline) {
    const auto& buckets = timeline.buckets;
    return fmt::format(
        R"({{"t":[{}],"loss":[{}],"worst":[{}],"min":[{}],"p50":[{}],"p95":[{}],"max":[{}]}})",
        values(buckets, begin), values(buckets, share(loss_pct)),
        values(buckets, share([](const Bucket& bucket) { return bucket.worst_second_pct; })),
        values(buckets, delay(&Spread::min_ms)), values(buckets, delay(&Spread::p50_ms)),
        values(buckets, delay(&Spread::p95_ms)), values(buckets, delay(&Spread::max_ms)));
}

std::string without_markup(const std::string& json) {
    std::string safe;
    for (const char c : json) {
        safe += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : std::string(1, c);
    }
    return safe;
}

}  // namespace

std::string graph_data(const Report& report) {
    std::string runs;
    for (const RunReport& run : report.runs) {
        std::string paths;
        for (const PathReport& path : run.paths) {
            paths += (paths.empty() ? "" : ",") + path_data(path.timeline);
        }
        runs += fmt::format(R"({}{{"label":{},"paths":[{}]}})", runs.empty() ? "" : ",",
                            nlohmann::json(plain(run.label)).dump(), paths);
    }
    return without_markup(fmt::format(R"({{"runs":[{}]}})", runs));
}

std::vector<Shared> shared_paths(const Report& report, size_t most) {
    std::vector<Shared> shared;
    for (size_t run = 0; run < report.runs.size(); ++run) {
        const auto& paths = report.runs[run].paths;
        for (size_t path = 0; path < paths.size(); ++path) {
            const std::string name = path_name(paths[path]);
            auto same = std::find_if(shared.begin(), shared.end(),
                                     [&name](const Shared& one) { return one.name == name; });
            if (same == shared.end()) {
                same = shared.insert(shared.end(), Shared{name, {}});
            }
            same->places.emplace_back(run, path);
        }
    }
    std::erase_if(shared, [](const Shared& one) { return one.places.size() < 2; });
    shared.resize(std::min(most, shared.size()));
    return shared;
}

}  // namespace rehome::probe
