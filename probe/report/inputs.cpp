// See inputs.h.
#include "probe/report/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rehome::probe {

namespace {

struct Span {
    Nanos begin = std::numeric_limits<Nanos>::max();
    Nanos end = 0;
};

Span span_of(const Record& record) {
    Span span;
    for (const PathRecord& path : record.paths) {
        for (const ProbeRow* probe : {path.probes.empty() ? nullptr : &path.probes.front(),
                                      path.probes.empty() ? nullptr : &path.probes.back()}) {
            if (probe != nullptr) {
                span.begin = std::min(span.begin, probe->sample.sent);
                span.end = std::max(span.end, probe->sample.sent);
            }
        }
    }
    return span;
}

bool overlap(const Span& one, const Span& other) {
    return one.begin <= other.end && other.begin <= one.end;
}

std::string mistake_between(const RunInput& one, const RunInput& other) {
    if (one.record->id == other.record->id) {
        return fmt::format("is the same run as {}, expected each run once", other.file);
    }
    if (one.record->plan.carrier == other.record->plan.carrier &&
        overlap(span_of(*one.record), span_of(*other.record))) {
        return fmt::format(
            "is of carrier {} at the same time as {}, expected one run after the other",
            in_quotes(one.record->plan.carrier), other.file);
    }
    return "";
}

using Texts = std::set<std::string>;

Texts targets_of(const Record& record) {
    Texts targets;
    for (const PathRecord& path : record.paths) {
        targets.insert(fmt::format("{} {}", name(path.path.kind), path.path.target_text()));
    }
    return targets;
}

// Whether what this tells of a run is the same of all.
template <typename Of>
bool alike(const std::vector<RunReport>& runs, const Of& of) {
    return std::all_of(runs.begin(), runs.end(), [&runs, &of](const RunReport& run) {
        return of(*run.record) == of(*runs.front().record);
    });
}

bool none_overlap(const std::vector<RunReport>& runs) {
    for (size_t i = 0; i < runs.size(); ++i) {
        for (size_t k = 0; k < i; ++k) {
            if (overlap({runs[i].begin, runs[i].end}, {runs[k].begin, runs[k].end})) {
                return false;
            }
        }
    }
    return runs.size() > 1;
}

}  // namespace

std::vector<Error> check_inputs(const std::vector<RunInput>& inputs) {
    std::vector<Error> mistakes;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const auto& paths = inputs[i].record->paths;
        if (std::all_of(paths.begin(), paths.end(),
                        [](const PathRecord& path) { return path.probes.empty(); })) {
            mistakes.push_back(
                {Exit::usage, inputs[i].file, "holds no probe, expected one or more"});
            continue;
        }
        for (size_t k = 0; k < i; ++k) {
            if (std::string what = mistake_between(inputs[i], inputs[k]); !what.empty()) {
                mistakes.push_back({Exit::usage, inputs[i].file, std::move(what)});
            }
        }
    }
    return mistakes;
}

std::vector<std::string> differences_of(const std::vector<RunReport>& runs) {
    std::vector<std::string> differences;
    const auto expect = [&differences](bool holds, const char* what) {
        if (!holds) {
            differences.emplace_back(what);
        }
    };
    expect(alike(runs, targets_of),
           "The carriers were not measured to the same targets: what differs between them may be "
           "the targets.");
    expect(alike(runs, [](const Record& r) { return r.plan.rate_pps; }) &&
               alike(runs, [](const Record& r) { return r.plan.wait; }),
           "The runs were not made at the same pace or with the same waiting time.");
    expect(alike(runs, [](const Record& r) { return r.program; }),
           "The runs were made by different versions of the program.");
    expect(alike(runs, [](const Record& r) { return r.host; }),
           "The runs were made on different hosts, each with a clock of its own.");
    expect(!none_overlap(runs),
           "No two runs were made at the same time: none of them is a control of another.");
    return differences;
}

}  // namespace rehome::probe
