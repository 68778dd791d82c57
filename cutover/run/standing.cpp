#include "cutover/run/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/child.h"
#include "cutover/run/left.h"
#include "cutover/run/lines.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

size_t count_in(const Progress& progress, StepState state) {
    return steps_in(progress, state).size();
}

// What another terminal says for each choice, in words of `cutover`.
std::string command_for(Choice choice, const std::string& id) {
    switch (choice) {
        case Choice::yes:
            return "approve " + id;
        case Choice::retry:
        case Choice::stop:
            return fmt::format("{} {}", word(choice), id);
        case Choice::go_on:
            return fmt::format("answer {} {} REASON", id, word(choice));
        default:
            return fmt::format("answer {} {}", id, word(choice));
    }
}

// ---- text ---------------------------------------------------------------------------------------

class StandingText {
public:
    StandingText(const Standing& standing, size_t width)
        : standing_(standing),
          width_(width),
          now_(now_of(standing.plan, standing.journal, standing.progress, standing.samples)) {}

    std::string all() {
        steps();
        ids("found so", now_.found);
        ids("stays as it is, without an undo", now_.stays);
        if (!standing_.progress.finished || !standing_.progress.backwards) {
            ids("an undo would now undo, in this order", now_.undo);
        }
        gone_on();
        wrong("failed", now_.failed);
        wrong("turned back", now_.turned_back);
        if (!standing_.running) {
            wrong("stopped", now_.stopped);
        }
        for (const Sighting& one : now_.sightings) {
            sighting(one);
        }
        for (const std::string& concern : standing_.concerns) {
            add("the journal: " + concern);
        }
        doing();
        question();
        head();
        return text_;
    }

private:
    void add(const std::string& line, size_t indent = 2) {
        text_ += wrapped(line, width_, indent) + "\n";
    }

    // Steps in a row of one stage that stand alike are one line.
    void steps() {
        const auto& steps = standing_.plan.steps;
        for (size_t i = 0; i < steps.size();) {
            const StepState state = standing_.progress.steps[i].state;
            size_t end = i + 1;
            while (end < steps.size() && steps[end].stage == steps[i].stage &&
                   standing_.progress.steps[end].state == state) {
                ++end;
            }
            const std::string more = end - i == 1 ? "" : fmt::format(" and {} more", end - i - 1);
            add(fmt::format("  {:<12}  {}{}", name(state), steps[i].id, more), 16);
            i = end;
        }
    }

    void ids(const char* what, const std::vector<size_t>& places) {
        std::string text;
        for (const size_t i : places) {
            text += (text.empty() ? "" : ", ") + standing_.plan.steps[i].id;
        }
        if (!text.empty()) {
            add(fmt::format("{}: {}", what, text));
        }
    }

    void gone_on() {
        for (const size_t i : now_.gone_on) {
            const StepProgress& step = standing_.progress.steps[i];
            add(fmt::format("{} failed: {}; gone on: {}", standing_.plan.steps[i].id, step.failed,
                            step.gone_on));
        }
    }

    void wrong(const char* what, const std::optional<Record>& record) {
        if (record) {
            add(fmt::format("{} {}{}{}: {}", iso8601(record->at), what,
                            record->step.empty() ? "" : " ", record->step, record->text));
        }
    }

    void sighting(const Sighting& one) {
        const KeptSample& sample = one.sample;
        std::string text = fmt::format("{}: {} for {}", sample.step, name(sample.verdict),
                                       duration_text(sample.at - one.since));
        text += one.lasting.count() > 0 ? fmt::format(" of {:g} s", one.lasting.count()) : "";
        text += fmt::format(", {} ago", duration_text(standing_.at - sample.at));
        for (const std::string& figure : sample.figures) {
            text += "; " + figure;
        }
        // What is wrong with a figure repeats it.
        add(sample.figures.empty() && !sample.text.empty() ? text + "; " + sample.text : text);
    }

    void doing() {
        if (!now_.step.empty()) {
            add(fmt::format("at {}, since {} ({}){}{}", now_.step, iso8601(now_.since),
                            duration_text(standing_.at - now_.since),
                            now_.waits_for.empty() ? "" : ", waits for ", now_.waits_for));
        }
    }

    void question() {
        if (!now_.question) {
            return;
        }
        add(fmt::format("question {}: {}", now_.question->id, now_.question->text));
        if (!standing_.running) {
            return add("nobody can answer it now, as no cutover is running");
        }
        for (const Choice choice : now_.question->choices) {
            add(fmt::format("  {}: cutover {} --journal {}", meaning(choice),
                            command_for(choice, now_.question->id), shell_quoted(standing_.file)),
                6);
        }
    }

    void head() {
        add(fmt::format("{}: {}{}", standing_.plan.name, phase(standing_.progress),
                        standing_.running ? ", running" : ""));
    }

    const Standing& standing_;
    const size_t width_;
    const Now now_;
    std::string text_;
};

// ---- JSON ---------------------------------------------------------------------------------------

ordered_json record_json(const std::optional<Record>& record) {
    return record ? ordered_json{{"at", iso8601(record->at)},
                                 {"step", record->step},
                                 {"text", record->text}}
                  : ordered_json();
}

ordered_json question_json(const std::optional<Question>& question, bool running) {
    if (!question) {
        return {};
    }
    auto answers = ordered_json::array();
    for (const Choice choice : question->choices) {
        answers.push_back({{"word", word(choice)}, {"command", command_for(choice, question->id)}});
    }
    return {{"id", question->id},
            {"step", question->step},
            {"text", question->text},
            {"answers", answers},
            {"open", running}};
}

ordered_json sighting_json(const Sighting& one) {
    return {{"step", one.sample.step},
            {"at", iso8601(one.sample.at)},
            {"verdict", name(one.sample.verdict)},
            {"since", iso8601(one.since)},
            {"figures", one.sample.figures},
            {"text", one.sample.text}};
}

ordered_json ids_json(const Plan& plan, const std::vector<size_t>& places) {
    auto array = ordered_json::array();
    for (const size_t i : places) {
        array.push_back(plan.steps[i].id);
    }
    return array;
}

ordered_json gone_on_json(const Plan& plan, const Progress& progress) {
    auto array = ordered_json::array();
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const StepProgress& step = progress.steps[i];
        if (!step.gone_on.empty()) {
            array.push_back(
                {{"step", plan.steps[i].id}, {"why", step.failed}, {"reason", step.gone_on}});
        }
    }
    return array;
}

std::string gone_on_text(const Plan& plan, const Progress& progress) {
    std::string text;
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const StepProgress& step = progress.steps[i];
        if (step.state == StepState::gone_on) {
            text += fmt::format("  {} failed: {}\n      gone on: {}\n", plan.steps[i].id,
                                step.failed, step.gone_on);
        }
    }
    return text;
}

}  // namespace

std::string phase(const Progress& progress) {
    if (!progress.finished) {
        return progress.backwards ? "backing out" : "under way";
    }
    if (!progress.backwards) {
        return count_in(progress, StepState::gone_on) > 0 ? "done in part" : "done";
    }
    return count_in(progress, StepState::undo_skipped) > 0 ? "backed out in part"
           : count_in(progress, StepState::unproven) > 0   ? "backed out, unproven"
                                                           : "backed out";
}

std::string standing_text(const Standing& standing, size_t width) {
    const Progress& progress = standing.progress;
    const bool told = standing.running || (progress.finished && phase(standing.progress) == "done");
    return StandingText(standing, width).all() +
           (told ? "" : ending_text(standing.plan, progress, standing.file));
}

std::string standing_json(const Standing& standing) {
    const Progress& progress = standing.progress;
    const Plan& plan = standing.plan;
    const Now now = now_of(plan, standing.journal, progress, standing.samples);
    ordered_json object{
        {"schema", "rehome/cutover-status/1"},
        {"journal", standing.file},
        {"playbook", plan.name},
        {"opened_at", iso8601(standing.journal.opening.at)},
        {"at", iso8601(standing.at)},
        {"phase", phase(progress)},
        {"running", standing.running},
        {"concerns", standing.concerns},
        {"step", now.step},
        {"since", now.step.empty() ? ordered_json() : ordered_json(iso8601(now.since))},
        {"waits_for", now.waits_for},
        {"question", question_json(now.question, standing.running)},
        {"failed", record_json(now.failed)},
        {"turned_back", record_json(now.turned_back)},
        {"stopped", record_json(now.stopped)}};
    object["samples"] = ordered_json::array();
    for (const Sighting& one : now.sightings) {
        object["samples"].push_back(sighting_json(one));
    }
    object["steps"] = ordered_json::array();
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        object["steps"].push_back(
            {{"step", plan.steps[i].id}, {"state", name(progress.steps[i].state)}});
    }
    object["undo_now"] = ordered_json::array();
    for (const size_t i : now.undo) {
        object["undo_now"].push_back(
            {{"step", plan.steps[i].id}, {"undo", undo_line(plan, progress, i)}});
    }
    object["stays"] = ids_json(plan, now.stays);
    object["found"] = ids_json(plan, now.found);
    object["gone_on"] = gone_on_json(plan, progress);
    object["left_undone"] = left_json(plan, progress);
    return object.dump(2) + "\n";
}

std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file) {
    const size_t all = plan.steps.size();
    const size_t done = count_in(progress, StepState::done) + count_in(progress, StepState::found);
    if (progress.finished && !progress.backwards) {
        return done == all
                   ? fmt::format("{}: all {} steps are done\n", plan.name, all)
                   : fmt::format("{}: {} of {} steps are done; failed, and gone on from:\n{}",
                                 plan.name, done, all, gone_on_text(plan, progress));
    }
    const auto left = left_undone(plan, progress);
    if (progress.finished) {
        return fmt::format("{}: backed out{}\n", plan.name,
                           left.empty() ? " wholly" : ", and not known to be put back:") +
               left_text(plan, left);
    }
    const std::string resume =
        fmt::format("go on with: cutover resume --journal {}\n", shell_quoted(file));
    if (progress.backwards) {
        return fmt::format("{}: backing out is not finished, left undone:\n{}{}", plan.name,
                           left_text(plan, left), resume);
    }
    return fmt::format("{}: stopped, {} of {} steps are done\n{}{}", plan.name, done, all,
                       gone_on_text(plan, progress), resume) +
           fmt::format("or back out with: cutover undo --journal {}\n", shell_quoted(file));
}

std::string ending_json(const Plan& plan, const Progress& progress, Exit code) {
    const ordered_json object{{"event", "ended"},
                              {"phase", phase(progress)},
                              {"exit", static_cast<int>(code)},
                              {"gone_on", gone_on_json(plan, progress)},
                              {"left_undone", left_json(plan, progress)}};
    return object.dump();
}

}  // namespace rehome::cutover
