#include "cutover/run/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/child.h"
#include "cutover/run/before.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

size_t count_in(const Progress& progress, StepState state) {
    return steps_in(progress, state).size();
}

// One word: what a run is at.
const char* phase(const Progress& progress) {
    if (progress.finished) {
        return !progress.backwards                               ? "done"
               : count_in(progress, StepState::undo_skipped) > 0 ? "backed out in part"
               : count_in(progress, StepState::unproven) > 0     ? "backed out, unproven"
                                                                 : "backed out";
    }
    return progress.backwards ? "backing out" : "under way";
}

std::string last_text(const Journal& journal, Happened what) {
    const auto found = std::find_if(journal.records.rbegin(), journal.records.rend(),
                                    [what](const Record& r) { return r.what == what; });
    return found == journal.records.rend() ? "" : found->text;
}

// A step that is not known to be put back: why, and what is to be done about it.
struct Left {
    size_t step = 0;
    std::string why;
    std::string todo;
};

class LeftList {
public:
    LeftList(const Plan& plan, const Progress& progress) : plan_(plan), progress_(progress) {
        // Forwards, what was done is not something that is left.
        for (const size_t i : progress.backwards ? left_to_undo(plan, progress) : Steps()) {
            list_.push_back(to_undo(i));
        }
        for (const size_t i : steps_in(progress, StepState::undo_skipped)) {
            list_.push_back({i, progress.steps[i].text,
                             "`cutover undo` does it later; by hand: " + undo_of(i)});
        }
        for (const size_t i : steps_in(progress, StepState::unproven)) {
            list_.push_back({i, "undone, unproven: " + progress.steps[i].text, how_to_look(i)});
        }
    }

    const std::vector<Left>& list() const { return list_; }

    std::string text() const {
        std::string text;
        for (const Left& left : list_) {
            text +=
                fmt::format("  {}: {}\n      {}\n", plan_.steps[left.step].id, left.why, left.todo);
        }
        return text;
    }

    ordered_json json() const {
        auto array = ordered_json::array();
        for (const Left& left : list_) {
            array.push_back({{"step", plan_.steps[left.step].id},
                             {"state", name(progress_.steps[left.step].state)},
                             {"why", left.why},
                             {"todo", left.todo}});
        }
        return array;
    }

private:
    using Steps = std::vector<size_t>;

    std::string undo_of(size_t i) const {
        const Step& step = plan_.steps[i];
        return printable(step.host.on(undo_with(step, progress_.steps[i].was)));
    }

    std::string how_to_look(size_t i) const {
        const Step& step = plan_.steps[i];
        return step.check ? "look: " + printable(step.host.on(step.check->command))
                          : "look by hand; its undo was: " + undo_of(i);
    }

    Left to_undo(size_t i) const {
        if (progress_.steps[i].state == StepState::undo_failed) {
            return {i, "its undo failed: " + progress_.steps[i].text,
                    fmt::format("mend it and go on, or put it back by hand and go on with --skip "
                                "{}; its undo: {}",
                                shell_quoted(plan_.steps[i].id), undo_of(i))};
        }
        const Steps before = relied_on(plan_, progress_, i);
        const std::string comes = "comes by itself; its undo: " + undo_of(i);
        if (before.empty()) {
            return {i, "its turn has not come", comes};
        }
        const std::string more =
            before.size() == 1 ? "" : fmt::format(" and {} more", before.size() - 1);
        return {i, "waits for " + plan_.steps[before.front()].id + more, comes};
    }

    const Plan& plan_;
    const Progress& progress_;
    std::vector<Left> list_;
};

}  // namespace

std::string standing_text(const Standing& standing) {
    const Progress& progress = standing.progress;
    std::string text = fmt::format("{}: {}{}\n", standing.plan.name, phase(progress),
                                   standing.running ? ", running" : "");
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        text +=
            fmt::format("  {:<12}  {}\n", name(progress.steps[i].state), standing.plan.steps[i].id);
    }
    const bool told = standing.running || (progress.finished && !progress.backwards);
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
            {{"step", standing.plan.steps[i].id}, {"state", name(progress.steps[i].state)}});
    }
    object["left_undone"] = LeftList(standing.plan, progress).json();
    return object.dump(2) + "\n";
}

std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file) {
    const size_t all = plan.steps.size();
    if (progress.finished && !progress.backwards) {
        return fmt::format("{}: all {} steps are done\n", plan.name, all);
    }
    if (progress.finished) {
        const LeftList left(plan, progress);
        return fmt::format("{}: backed out{}\n", plan.name,
                           left.list().empty() ? " wholly" : ", and not known to be put back:") +
               left.text();
    }
    const std::string resume =
        fmt::format("go on with: cutover resume --journal {}\n", shell_quoted(file));
    if (progress.backwards) {
        return fmt::format("{}: backing out is not finished, left undone:\n{}{}", plan.name,
                           LeftList(plan, progress).text(), resume);
    }
    return fmt::format("{}: stopped, {} of {} steps are done\n{}", plan.name,
                       count_in(progress, StepState::done) + count_in(progress, StepState::found),
                       all, resume) +
           fmt::format("or back out with: cutover undo --journal {}\n", shell_quoted(file));
}

std::string ending_json(const Plan& plan, const Progress& progress, Exit code) {
    const ordered_json object{{"event", "ended"},
                              {"phase", phase(progress)},
                              {"exit", static_cast<int>(code)},
                              {"left_undone", LeftList(plan, progress).json()}};
    return object.dump();
}

}  // namespace rehome::cutover
