#include "cutover/run/gate_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

void check_bounds(const Figure& figure, bool of_check, const std::string& at, Mistakes& mistakes) {
    if (figure.min && figure.max && *figure.min > *figure.max) {
        mistakes.add(at, fmt::format("min {:g} is above max {:g}, nothing is between them",
                                     *figure.min, *figure.max));
    }
    if (of_check && figure.counts()) {
        mistakes.add(at,
                     "counts since an earlier time, which a check does not know; that belongs "
                     "to a gate");
    }
}

void check_times(const Step& step, const std::string& at, Mistakes& mistakes) {
    const Gate& gate = step.gate;
    if (gate.more && gate.tries != 1) {
        mistakes.add(at + "/tries", "expected 1: what cannot be told is added to by more");
    }
    if (gate.tries != 0 && gate.tries < gate.good) {
        mistakes.add(at + "/tries", fmt::format("{} samples can never be {} good ones, expected at "
                                                "least {}",
                                                gate.tries, gate.good, gate.good));
    }
    if (gate.lasting.count() > 0 && gate.lasting >= step.timeout) {
        mistakes.add(at + "/for_s", fmt::format("{:g} s do not pass within timeout_s, {:g} s",
                                                gate.lasting.count(), step.timeout.count()));
    }
    if (gate.every * (gate.good - 1) >= step.timeout && gate.good > 1) {
        mistakes.add(at + "/good",
                     fmt::format("{} samples, one every {:g} s, do not come within "
                                 "timeout_s, {:g} s",
                                 gate.good, gate.every.count(), step.timeout.count()));
    }
}

}  // namespace

void check_gate(const Step& step, const Placed& placed, const std::vector<Placed>& figures,
                Mistakes& mistakes) {
    const bool of_check = step.check.has_value();
    const Sample& sample = of_check ? *step.check : step.gate.sample;
    for (size_t i = 0; i < sample.figures.size(); ++i) {
        check_bounds(sample.figures[i], of_check, figures[i].at, mistakes);
    }
    if (step.kind != Step::Kind::gate) {
        return;
    }
    const std::string at = placed.at + "/gate";
    check_times(step, at, mistakes);
    if (sample.fresh.empty() && placed.object.at("gate").contains("max_age_s")) {
        mistakes.add(at + "/max_age_s", "is the age of what fresh points to, expected fresh too");
    }
}

void check_guard(const Plan& plan, const Guard& guard, const std::vector<Placed>& figures,
                 Mistakes& mistakes) {
    const auto& its = guard.step.gate.sample.figures;
    for (size_t i = 0; i < its.size(); ++i) {
        check_bounds(its[i], false, figures[i].at, mistakes);
        if (!its[i].since.empty()) {
            mistakes.add(figures[i].at,
                         "since belongs to a gate; a guard counts from each stage's "
                         "begin, by since_start");
        }
    }
    if (guard.from == plan.steps.size()) {
        mistakes.add(guard.step.at + "/from", "names no stage or step after which there is one");
    }
    for (const std::string& stage : guard.not_in) {
        if (std::none_of(plan.steps.begin(), plan.steps.end(),
                         [&stage](const Step& step) { return step.stage == stage; })) {
            mistakes.add(guard.step.at + "/not_in", in_quotes(stage) + " is no stage");
        }
    }
}

// A stage's first one, the act that is named, or what follows the gate that has passed or the hold
// that was answered.
size_t begins_with(const Plan& plan, const std::string& name) {
    const auto& steps = plan.steps;
    const auto named = std::find_if(steps.begin(), steps.end(),
                                    [&name](const Step& step) { return step.id == name; });
    if (named != steps.end()) {
        return static_cast<size_t>(named - steps.begin()) + (named->kind != Step::Kind::act);
    }
    const auto first = std::find_if(steps.begin(), steps.end(),
                                    [&name](const Step& step) { return step.stage == name; });
    return static_cast<size_t>(first - steps.begin());
}

void resolve_since(Plan& plan, Mistakes& mistakes) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        Step& step = plan.steps[i];
        for (Figure& figure : step.gate.sample.figures) {
            if (figure.since.empty()) {
                continue;
            }
            const size_t from = begins_with(plan, figure.since);
            if (from <= i) {
                figure.since = plan.steps[from].id;
                continue;
            }
            mistakes.add(step.at + "/gate",
                         fmt::format("counts since {}, which is no stage or step before {}",
                                     in_quotes(figure.since), in_quotes(step.id)));
        }
    }
}

void resolve_more(Plan& plan, Mistakes& mistakes) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        Step& step = plan.steps[i];
        if (!step.gate.more) {
            continue;
        }
        More& more = *step.gate.more;
        const auto end = plan.steps.begin() + static_cast<ptrdiff_t>(i);
        const auto act = std::find_if(plan.steps.begin(), end,
                                      [&](const Step& other) { return other.id == more.step; });
        more.act = static_cast<size_t>(act - plan.steps.begin());
        if (act == end || act->save.empty() || !act->repeatable || !act->undo.empty()) {
            mistakes.add(step.at + "/gate/more/step",
                         fmt::format("{} is no act before {} that saves what it prints, is "
                                     "repeatable and has no undo",
                                     in_quotes(more.step), in_quotes(step.id)));
        }
    }
}

}  // namespace rehome::cutover
