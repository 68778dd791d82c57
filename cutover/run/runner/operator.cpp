// The runner's part that asks the operator.
#include <fmt/format.h>

#include "cutover/run/runner/runner.h"

namespace rehome::cutover {

namespace {

// A step that may have come halfway is not done again blindly.
bool may_retry(const Step& step, const StepProgress& progress) {
    return step.kind == Step::Kind::gate || step.repeatable || step.check || !progress.begun;
}

Question about_failure(const Step& step, const StepProgress& progress) {
    Question question{"", step.id, "failed: " + progress.text, {}};
    if (step.kind == Step::Kind::gate && step.gate.tries != 0) {
        question.text += fmt::format(
            ". It was to look {} at most: a retry is one more look, and no new evidence",
            step.gate.tries == 1 ? "once" : fmt::format("{} times", step.gate.tries));
    }
    if (may_retry(step, progress)) {
        question.choices = {Choice::retry};
    }
    for (const Choice choice : {Choice::go_on, Choice::undo, Choice::stop}) {
        question.choices.push_back(choice);
    }
    return question;
}

}  // namespace

Result<std::optional<Answer>> Runner::ask(Question question,
                                          const std::function<bool()>& needless) {
    if (options_.yes || !world_.attended()) {
        return std::optional<Answer>();
    }
    Record asked{Happened::asked, 0, question.step, question.text};
    for (const Choice choice : question.choices) {
        asked.choices.emplace_back(word(choice));
    }
    asked.at = world_.now();
    question.id = question_id(asked);
    if (auto noted = note(asked); !noted) {
        return tl::unexpected(noted.error());
    }
    const auto answer = world_.ask(question, needless);
    Record answered{Happened::answered, 0, question.step, "withdrawn: nobody has answered"};
    if (answer) {
        answered.text = answer_text(*answer);
        answered.by = answer->by;
    }
    if (auto noted = note(answered); !noted) {
        return tl::unexpected(noted.error());
    }
    return answer;
}

Runner::Outcome Runner::hold(const Step& step) {
    if (options_.yes) {
        return note_and_go_on(Happened::done, step, "answered by --yes");
    }
    const auto answer = ask({"", step.id, step.question, {Choice::yes, Choice::undo, Choice::stop}},
                            [this] { return troubled(); });
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    if (!*answer && troubled()) {
        Held held = guards(step);
        return held.free ? hold(step) : held.then;
    }
    if (!*answer) {
        return world_.stop_wanted() ? stop_as_asked()
                                    : stop("nobody answered: " + step.question, Exit::world);
    }
    switch ((*answer)->choice) {
        case Choice::yes:
            return note_and_go_on(Happened::done, step, "the operator said yes");
        case Choice::undo:
            return turn_back_here("the operator chose to go back at " + step.id);
        default:
            return stop("the operator chose to stop", Exit::world);
    }
}

Runner::Outcome Runner::ask_how_to_settle(const Step& step, const std::string& why) {
    std::optional<Choice> choice;
    if (!options_.settle.empty()) {
        choice = parse_choice(std::exchange(options_.settle, ""));  // for one step alone
    } else {
        const auto answer =
            ask({"",
                 step.id,
                 fmt::format("it was begun, and nobody can tell whether it is done: {}. Is it "
                             "done, to do again, or to undo?",
                             why),
                 {Choice::done, Choice::again, Choice::undo, Choice::stop}},
                [] { return false; });
        if (!answer) {
            return tl::unexpected(answer.error());
        }
        choice = *answer ? std::optional((*answer)->choice) : std::nullopt;
    }
    switch (choice.value_or(Choice::stop)) {
        case Choice::done:
            return note_and_go_on(Happened::done, step, "done, says the operator");
        case Choice::again:
            return act_again(step);
        case Choice::undo:
            return turn_back_here("the operator chose to go back at " + step.id);
        default:
            return stop(fmt::format("{}: cannot tell whether it is done: {}", step.id, why),
                        Exit::unknown);
    }
}

// Who is there decides; otherwise it is tried again as the playbook bounds it, and then undone.
Runner::Outcome Runner::failed(const Step& step) {
    const bool attended = !options_.yes && world_.attended();
    const auto answer =
        ask(about_failure(step, progress_of(step)), [this] { return any_broken(); });
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    if (*answer) {
        return decided(step, **answer);
    }
    if (world_.stop_wanted()) {
        return stop_as_asked();
    }
    if (attended && any_broken()) {
        Held held = guards(step);
        return held.free ? failed(step) : held.then;
    }
    return progress_of(step).retries < step.retry.times ? retry_by_itself(step)
                                                        : turn_back_here(step.id + " failed");
}

Runner::Outcome Runner::decided(const Step& step, const Answer& answer) {
    switch (answer.choice) {
        case Choice::retry:
            return note_and_go_on(Happened::retried, step, "the operator chose to");
        case Choice::go_on:
            return note_and_go_on(Happened::gone_on, step, answer.reason);
        case Choice::undo:
            return turn_back_here(step.id + " failed, and the operator chose to go back");
        default:
            return stop(step.id + " failed, and the operator chose to stop", Exit::world);
    }
}

Runner::Outcome Runner::retry_by_itself(const Step& step) {
    const auto pause_us = static_cast<int64_t>(step.retry.every.count() * 1e6);
    if (Held held = rest(step, world_.monotonic() + pause_us); !held.free) {
        return held.then;
    }
    if (world_.stop_wanted()) {
        return stop_as_asked();
    }
    return note_and_go_on(Happened::retried, step,
                          fmt::format("{} of {}", progress_of(step).retries + 1, step.retry.times));
}

}  // namespace rehome::cutover
