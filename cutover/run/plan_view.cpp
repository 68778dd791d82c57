#include "cutover/run/plan_view.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/child.h"
#include "common/formats/formats.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

struct Totals {
    size_t stages = 0;
    size_t acts = 0;
    size_t gates = 0;
    size_t holds = 0;
    size_t undoable = 0;
    size_t ways_back = 0;
    size_t unchecked = 0;  // acts
    size_t undoless = 0;   // acts
    size_t undated = 0;    // gates and guards
};

// What a step cannot prove, and so nobody who reads what it says later on.
//
//   check      nothing shows whether the act is done: after a kill the operator settles it, or it
//   is
//              done twice where it is repeatable
//   undo       backing out leaves it as it is
//   freshness  nothing shows when what a gate or a guard looks at was so
std::vector<std::string> lacks(const Step& step) {
    std::vector<std::string> result;
    const bool act = step.kind == Step::Kind::act;
    if (act && !step.check) {
        result.emplace_back("check");
    }
    if (act && step.undo.empty()) {
        result.emplace_back("undo");
    }
    if (step.kind == Step::Kind::gate && step.gate.sample.fresh.empty()) {
        result.emplace_back("freshness");
    }
    return result;
}

void count_lacks(const Step& step, Totals& totals) {
    for (const std::string& lack : lacks(step)) {
        totals.unchecked += lack == "check";
        totals.undoless += lack == "undo";
        totals.undated += lack == "freshness";
    }
}

Totals count(const Plan& plan) {
    Totals totals;
    std::set<std::string> stages;
    for (const Step& step : plan.steps) {
        stages.insert(step.stage);
        totals.acts += step.kind == Step::Kind::act;
        totals.gates += step.kind == Step::Kind::gate;
        totals.holds += step.kind == Step::Kind::hold;
        totals.undoable += step.kind == Step::Kind::act && !step.undo.empty();
        totals.ways_back += step.kind == Step::Kind::way_back;
        count_lacks(step, totals);
    }
    for (const Guard& guard : plan.guards) {
        count_lacks(guard.step, totals);
    }
    totals.stages = stages.size();
    return totals;
}

const char* kind_name(const Step& step) {
    switch (step.kind) {
        case Step::Kind::act:
            return "do";
        case Step::Kind::gate:
            return "gate";
        case Step::Kind::hold:
            return "hold";
        case Step::Kind::way_back:
            return "undo";
    }
    return "";
}

std::string command_line(const char* label, const Step& step, const Argv& argv) {
    return argv.empty() ? ""
                        : fmt::format("         {:<6} {}\n", label, printable(step.host.on(argv)));
}

std::string figure_text(const Figure& figure) {
    std::string text = figure.pointer;
    text += figure.of.empty() ? "" : " of " + figure.of;
    text += figure.since_start ? " since start" : "";
    text += figure.since.empty() ? "" : " since " + figure.since;
    text += figure.min ? fmt::format(", min {}", *figure.min) : "";
    text += figure.max ? fmt::format(", max {}", *figure.max) : "";
    if (figure.equals) {
        text += ", equals ";
        text += std::visit([](const auto& value) { return ordered_json(value).dump(); },
                           *figure.equals);
    }
    return text + (figure.at_once ? ", at once" : "");
}

// A sample's figures; of a foreign command, that nobody can know whether it prints them.
std::string figure_lines(const Sample& sample) {
    std::string text;
    for (const Figure& figure : sample.figures) {
        text += fmt::format("                {}\n", figure_text(figure));
    }
    const bool looked_into = !sample.figures.empty() || !sample.fresh.empty();
    if (looked_into && !printed_by(sample.command).ours) {
        text += fmt::format("                cannot know whether {} prints this\n",
                            shell_quoted(sample.command.front()));
    }
    return text;
}

std::string act_lines(const Step& step) {
    std::string text = command_line("do", step, step.act);
    text += step.save.empty() ? "" : fmt::format("         save   {}\n", step.save);
    if (step.check) {
        text += command_line("check", step, step.check->command) + figure_lines(*step.check);
    }
    for (const auto& [name, pointer] : step.was) {
        text += fmt::format("                {} is kept as was.{}\n", pointer, name);
    }
    return text;
}

std::string retry_line(const Step& step) {
    return step.retry.times == 0 ? ""
                                 : fmt::format(
                                       "         retry  {} times, {} s apart, where nobody "
                                       "is there to ask\n",
                                       step.retry.times, step.retry.every.count());
}

std::string undo_lines(const Step& step) {
    if (!step.after) {
        return command_line("undo", step, step.undo);
    }
    return command_line("undo", step, step.undo) +
           fmt::format(
               "                after {}\n",
               step.after->empty() ? "none" : fmt::format("{}", fmt::join(*step.after, ", ")));
}

std::string lacks_line(const Step& step) {
    const auto missing = lacks(step);
    return missing.empty() ? "" : fmt::format("         lacks  {}\n", fmt::join(missing, ", "));
}

std::string more_line(const Gate& gate) {
    return gate.more && gate.more->looks > 1
               ? fmt::format(
                     "                what it cannot tell is added to by {}, {} looks in all\n",
                     gate.more->step, gate.more->looks)
               : "";
}

std::string step_text(const Step& step, size_t number) {
    std::string text = fmt::format("  {:>4}  {}{}\n", number, step.name,
                                   step.on.empty() ? "" : " (on " + step.on + ")");
    switch (step.kind) {
        case Step::Kind::act:
            return text + act_lines(step) + retry_line(step) + undo_lines(step);
        case Step::Kind::way_back:
            return text + undo_lines(step);
        case Step::Kind::gate:
            return text + command_line("gate", step, step.gate.sample.command) +
                   figure_lines(step.gate.sample) +
                   fmt::format("                good for {} s, at least {} in a row, within {} s\n",
                               step.gate.lasting.count(), step.gate.good, step.timeout.count()) +
                   more_line(step.gate);
        case Step::Kind::hold:
            return text + fmt::format("         hold   {}\n", step.question);
    }
    return text;
}

ordered_json figure_json(const Figure& figure) {
    ordered_json object{{"pointer", figure.pointer}};
    for (const auto& [key, text] :
         {std::pair{"of", &figure.of}, std::pair{"since", &figure.since}}) {
        if (!text->empty()) {
            object[key] = *text;
        }
    }
    for (const auto& [key, flag] :
         {std::pair{"since_start", figure.since_start}, std::pair{"at_once", figure.at_once}}) {
        if (flag) {
            object[key] = true;
        }
    }
    for (const auto& [key, bound] : {std::pair{"min", figure.min}, std::pair{"max", figure.max}}) {
        if (bound) {
            object[key] = *bound;
        }
    }
    if (figure.equals) {
        object["equals"] =
            std::visit([](const auto& v) { return ordered_json(v); }, *figure.equals);
    }
    return object;
}

void add_figures(const Sample& sample, ordered_json& object) {
    if (sample.figures.empty()) {
        return;
    }
    object["figures"] = ordered_json::array();
    for (const Figure& figure : sample.figures) {
        object["figures"].push_back(figure_json(figure));
    }
    const Format* format = printed_by(sample.command).format;
    object["format"] =
        format == nullptr ? ordered_json() : ordered_json(fmt::format("rehome/{}/1", format->name));
}

ordered_json step_json(const Step& step) {
    ordered_json object{{"step", step.id},
                        {"stage", step.stage},
                        {"name", step.name},
                        {"kind", kind_name(step)},
                        {"on", step.on},
                        {"host", step.host.text()},
                        {"timeout_s", step.timeout.count()}};
    const auto add = [&object, &step](const char* key, const Argv& argv) {
        if (!argv.empty()) {
            object[key] = step.host.on(argv);
        }
    };
    add("do", step.act);
    add("check", step.check ? step.check->command : Argv());
    add("undo", step.undo);
    add("gate", step.gate.sample.command);
    if (!step.was.empty()) {
        object["was"] = step.was;
    }
    if (step.after) {
        object["after"] = *step.after;
    }
    if (step.retry.times > 0) {
        object["retry"] = {{"times", step.retry.times}, {"every_s", step.retry.every.count()}};
    }
    if (const auto& more = step.gate.more) {
        object["more"] = {{"step", more->step}, {"looks", more->looks}, {"option", more->option}};
    }
    add_figures(step.check ? *step.check : step.gate.sample, object);
    if (!step.question.empty()) {
        object["hold"] = step.question;
    }
    object["lacks"] = lacks(step);
    return object;
}

std::string guard_text(const Plan& plan, const Guard& guard) {
    const Step& step = guard.step;
    return fmt::format("  {}{}, from {} on\n{}{}                blind for at most {} s\n",
                       step.name, step.on.empty() ? "" : " (on " + step.on + ")",
                       plan.steps[guard.from].id,
                       command_line("guard", step, step.gate.sample.command),
                       figure_lines(step.gate.sample), guard.blind.count()) +
           lacks_line(step) +
           (guard.not_in.empty() ? ""
                                 : fmt::format("                only reports in {}\n",
                                               fmt::join(guard.not_in, ", ")));
}

ordered_json guard_json(const Plan& plan, const Guard& guard) {
    ordered_json object{{"guard", guard.step.id},
                        {"on", guard.step.on},
                        {"host", guard.step.host.text()},
                        {"from", plan.steps[guard.from].id},
                        {"not_in", guard.not_in},
                        {"blind_s", guard.blind.count()},
                        {"command", guard.step.host.on(guard.step.gate.sample.command)}};
    add_figures(guard.step.gate.sample, object);
    object["lacks"] = lacks(guard.step);
    return object;
}

}  // namespace

std::string plan_text(const Plan& plan) {
    std::string text = plan.name + (plan.summary.empty() ? "" : ": " + plan.summary) + "\n";
    for (const auto& [name, value] : plan.parameters) {
        text += fmt::format("  {} = {}\n", name, value);
    }
    for (const LeftCarrier& carrier : plan.left) {
        text += fmt::format("  left: carrier {}, no step touches its lines (old site: {})\n",
                            carrier.name,
                            carrier.old_gateways.empty()
                                ? "none"
                                : fmt::format("{}", fmt::join(carrier.old_gateways, ", ")));
    }
    for (const std::string& absent : plan.absent) {
        text += fmt::format("  absent: {}\n", absent);
    }
    std::string stage;
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Step& step = plan.steps[i];
        if (i == 0 || step.stage != stage) {
            stage = step.stage;
            text += fmt::format("\nstage {}\n", stage);
        }
        text += step_text(step, i + 1) + lacks_line(step);
    }
    text += plan.guards.empty() ? "" : "\nguards\n";
    for (const Guard& guard : plan.guards) {
        text += guard_text(plan, guard);
    }
    const Totals totals = count(plan);
    return text +
           fmt::format(
               "\n{} stages, {} steps: {} acts ({} with an undo), {} gates, {} "
               "holds, {} for the way back alone\n",
               totals.stages, plan.steps.size(), totals.acts, totals.undoable, totals.gates,
               totals.holds, totals.ways_back) +
           fmt::format(
               "lacking: {} acts no check, {} acts no undo; {} gates and guards no "
               "freshness\n",
               totals.unchecked, totals.undoless, totals.undated);
}

std::string plan_json(const Plan& plan) {
    ordered_json object{{"schema", "rehome/cutover-plan/1"},
                        {"playbook", plan.name},
                        {"parameters", plan.parameters}};
    object["left"] = ordered_json::array();
    for (const LeftCarrier& carrier : plan.left) {
        object["left"].push_back(
            {{"carrier", carrier.name}, {"old_gateways", carrier.old_gateways}});
    }
    object["absent"] = plan.absent;
    object["steps"] = ordered_json::array();
    for (const Step& step : plan.steps) {
        object["steps"].push_back(step_json(step));
    }
    object["guards"] = ordered_json::array();
    for (const Guard& guard : plan.guards) {
        object["guards"].push_back(guard_json(plan, guard));
    }
    const Totals totals = count(plan);
    object["totals"] = {{"stages", totals.stages},       {"acts", totals.acts},
                        {"undoable", totals.undoable},   {"gates", totals.gates},
                        {"holds", totals.holds},         {"ways_back", totals.ways_back},
                        {"unchecked", totals.unchecked}, {"undoless", totals.undoless},
                        {"undated", totals.undated}};
    return object.dump(2) + "\n";
}

}  // namespace rehome::cutover
