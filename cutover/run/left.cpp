#include "cutover/run/left.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/child.h"
#include "cutover/run/before.h"

namespace rehome::cutover {

namespace {

std::string how_to_look(const Plan& plan, const Progress& progress, size_t i) {
    const Step& step = plan.steps[i];
    if (step.check) {
        return "look: " + printable(step.host.on(step.check->command));
    }
    return step.undo.empty() ? "look by hand; it was: " + printable(step.host.on(step.act))
                             : "look by hand; its undo was: " + undo_line(plan, progress, i);
}

Left to_undo(const Plan& plan, const Progress& progress, size_t i) {
    const std::string undo = undo_line(plan, progress, i);
    if (progress.steps[i].state == StepState::undo_failed) {
        return {i, "its undo failed: " + progress.steps[i].text,
                fmt::format("mend it and go on, or put it back by hand and go on with --skip "
                            "{}; its undo: {}",
                            shell_quoted(plan.steps[i].id), undo)};
    }
    const auto before = relied_on(plan, progress, i);
    const std::string comes = "comes by itself; its undo: " + undo;
    if (before.empty()) {
        return {i, "its turn has not come", comes};
    }
    const std::string more =
        before.size() == 1 ? "" : fmt::format(" and {} more", before.size() - 1);
    return {i, "waits for " + plan.steps[before.front()].id + more, comes};
}

}  // namespace

std::string undo_line(const Plan& plan, const Progress& progress, size_t step) {
    const Step& made = plan.steps[step];
    return printable(made.host.on(undo_with(made, progress.steps[step].was)));
}

std::vector<Left> left_undone(const Plan& plan, const Progress& progress) {
    std::vector<Left> list;
    // Forwards, what was done is not something that is left.
    if (progress.backwards) {
        for (const size_t i : left_to_undo(plan, progress)) {
            list.push_back(to_undo(plan, progress, i));
        }
    }
    for (const size_t i : steps_in(progress, StepState::undo_skipped)) {
        list.push_back({i, progress.steps[i].text,
                        "`cutover undo` does it later; by hand: " + undo_line(plan, progress, i)});
    }
    for (const size_t i : steps_in(progress, StepState::unproven)) {
        const std::string what =
            plan.steps[i].undo.empty() ? "cannot tell whether it is done: " : "undone, unproven: ";
        list.push_back({i, what + progress.steps[i].text, how_to_look(plan, progress, i)});
    }
    return list;
}

std::string left_text(const Plan& plan, const std::vector<Left>& list) {
    std::string text;
    for (const Left& left : list) {
        text += fmt::format("  {}: {}\n      {}\n", plan.steps[left.step].id, left.why, left.todo);
    }
    return text;
}

nlohmann::ordered_json left_json(const Plan& plan, const Progress& progress) {
    auto array = nlohmann::ordered_json::array();
    for (const Left& left : left_undone(plan, progress)) {
        array.push_back({{"step", plan.steps[left.step].id},
                         {"state", name(progress.steps[left.step].state)},
                         {"why", left.why},
                         {"todo", left.todo}});
    }
    return array;
}

}  // namespace rehome::cutover
