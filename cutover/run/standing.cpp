#include "cutover/run/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

std::string ids(const Plan& plan, const std::vector<size_t>& steps) {
    std::string text;
    for (const size_t step : steps) {
        text += fmt::format("  {}\n", plan.steps[step].id);
    }
    return text;
}

size_t count_in(const Progress& progress, StepState state) {
    return static_cast<size_t>(std::count(progress.steps.begin(), progress.steps.end(), state));
}

// One word: what a run is at.
const char* phase(const Progress& progress) {
    if (progress.finished) {
        return !progress.backwards             ? "done"
               : passed_over(progress).empty() ? "backed out"
                                               : "backed out in part";
    }
    return progress.backwards ? "backing out" : "under way";
}

std::string last_text(const Journal& journal, Happened what) {
    const auto found = std::find_if(journal.records.rbegin(), journal.records.rend(),
                                    [what](const Record& r) { return r.what == what; });
    return found == journal.records.rend() ? "" : found->text;
}

// Backwards alone, what was done is something that is left.
std::vector<std::string> left_undone(const Plan& plan, const Progress& progress) {
    auto left = progress.backwards ? left_to_undo(plan, progress) : std::vector<size_t>();
    const auto passed = passed_over(progress);
    left.insert(left.end(), passed.begin(), passed.end());
    std::vector<std::string> result;
    result.reserve(left.size());
    for (const size_t step : left) {
        result.push_back(plan.steps[step].id);
    }
    return result;
}

}  // namespace

std::string standing_text(const Standing& standing) {
    const Progress& progress = standing.progress;
    std::string text = fmt::format("{}: {}{}\n", standing.plan.name, phase(progress),
                                   standing.running ? ", running" : "");
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        text += fmt::format("  {:<12}  {}\n", name(progress.steps[i]), standing.plan.steps[i].id);
    }
    const bool told = standing.running || progress.finished;
    return text + (told ? "" : ending_text(standing.plan, progress, standing.file));
}

std::string standing_json(const Standing& standing) {
    const Progress& progress = standing.progress;
    ordered_json object{{"schema", "rehome/cutover-status/1"},
                        {"journal", standing.file},
                        {"playbook", standing.plan.name},
                        {"opened_at", iso8601(standing.journal.opening.at)},
                        {"phase", phase(progress)},
                        {"running", standing.running},
                        {"turned_back", last_text(standing.journal, Happened::turned_back)},
                        {"stopped", last_text(standing.journal, Happened::stopped)}};
    object["steps"] = ordered_json::array();
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        object["steps"].push_back(
            {{"step", standing.plan.steps[i].id}, {"state", name(progress.steps[i])}});
    }
    object["left_undone"] = left_undone(standing.plan, progress);
    return object.dump(2) + "\n";
}

std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file) {
    const size_t all = plan.steps.size();
    if (progress.finished && !progress.backwards) {
        return fmt::format("{}: all {} steps are done\n", plan.name, all);
    }
    if (progress.finished) {
        const auto passed = passed_over(progress);
        const std::string text = fmt::format("{}: backed out{}\n", plan.name,
                                             passed.empty() ? " wholly" : ", left undone:");
        return text + ids(plan, passed);
    }
    const std::string resume =
        fmt::format("go on with: cutover resume --journal {}\n", shell_quoted(file));
    if (progress.backwards) {
        return fmt::format("{}: backing out is not finished, left undone:\n{}{}", plan.name,
                           ids(plan, left_to_undo(plan, progress)), resume);
    }
    return fmt::format("{}: stopped, {} of {} steps are done\n{}", plan.name,
                       count_in(progress, StepState::done), all, resume) +
           fmt::format("or back out with: cutover undo --journal {}\n", shell_quoted(file));
}

std::string ending_json(const Plan& plan, const Progress& progress, Exit code) {
    const ordered_json object{{"event", "ended"},
                              {"phase", phase(progress)},
                              {"exit", static_cast<int>(code)},
                              {"left_undone", left_undone(plan, progress)}};
    return object.dump();
}

}  // namespace rehome::cutover
