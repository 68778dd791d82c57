// The runner's part that waits at gates.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cutover/run/runner/runner.h"
#include "cutover/run/runner/words.h"

namespace rehome::cutover {

namespace {

using Verdict = Reading::Verdict;

int64_t microseconds(Seconds time) {
    return std::llround(time.count() * 1e6);
}

Seconds seconds(int64_t us) {
    return Seconds(static_cast<double>(us) / 1e6);
}

// Beside what the act has saved: "red.now.json.2" is the second look's.
std::string added_file(const Plan& plan, const Step& gate, unsigned number) {
    return fmt::format("{}.{}", plan.steps[gate.gate.more->act].save, number + 2);
}

}  // namespace

// The sample that the gate's figures will count from; tried for as long as the gate may take.
Result<Bases> Runner::sample_base(const Step& gate, const std::string& since) {
    const int64_t ends_at = world_.monotonic() + microseconds(gate.timeout);
    for (;;) {
        const auto answer =
            world_.run(gate, gate.gate.sample.command, seconds(ends_at - world_.monotonic()));
        auto bases = read_bases(gate.gate.sample, since, answer, world_.now());
        const Reading reading = bases ? Reading{Verdict::good, "", {bases_text(*bases)}}
                                      : Reading{Verdict::cannot_tell, bases.error().what};
        if (auto kept = world_.keep(gate, answer, reading); !kept) {
            return tl::unexpected(kept.error());
        }
        const int64_t next_at = world_.monotonic() + microseconds(gate.gate.every);
        if (bases || next_at >= ends_at || world_.stop_wanted()) {
            return bases;
        }
        world_.wait(gate.gate.every);
    }
}

// Whether every figure that counts since this step has its base; where one has none the run is
// turned back, as its gate could not tell.
Result<bool> Runner::take_bases(const Step& step) {
    for (const size_t place : counting_) {
        const Step& gate = plan_.steps[place];
        const auto& figures = gate.gate.sample.figures;
        const auto lacks = [&](const Figure& figure) {
            return figure.since == step.id && !progress_.bases[gate.id].contains(key(figure));
        };
        if (std::none_of(figures.begin(), figures.end(), lacks)) {
            continue;
        }
        const auto bases = sample_base(gate, step.id);
        if (!bases && bases.error().kind != Exit::unknown) {
            return tl::unexpected(bases.error());
        }
        if (!bases && world_.stop_wanted()) {
            return false;
        }
        const auto noted = bases ? note(Happened::counts_from, gate.id, bases_text(*bases))
                                 : note(Happened::turned_back, "",
                                        fmt::format("{} has nothing to count from: {}", gate.id,
                                                    bases.error().what));
        if (!noted || !bases) {
            return noted ? Result<bool>(false) : tl::unexpected(noted.error());
        }
    }
    return true;
}

// What the gate looks at: what was added to it, too.
Argv Runner::looking(const Step& gate) const {
    Argv argv = gate.gate.sample.command;
    const auto added = progress_.added.find(gate.id);
    const unsigned count = added == progress_.added.end() ? 0 : added->second;
    for (unsigned i = 0; i < count; ++i) {
        argv.push_back(gate.gate.more->option);
        argv.push_back(added_file(plan_, gate, i));
    }
    return argv;
}

bool Runner::may_add(const Step& gate) const {
    const auto added = progress_.added.find(gate.id);
    const unsigned looks = 1 + (added == progress_.added.end() ? 0 : added->second);
    return gate.gate.more && looks < gate.gate.more->looks && !world_.stop_wanted();
}

// Why it could not; empty: there is one more to look at.
Result<std::string> Runner::add_sample(const Step& gate) {
    const Step& act = plan_.steps[gate.gate.more->act];
    const auto answer = world_.run(act, act.act, act.timeout);
    if (const std::string why = failure(answer, act.timeout); !why.empty()) {
        return act.id + " could not be run again: " + why;
    }
    const std::string file = added_file(plan_, gate, progress_.added[gate.id]);
    if (const auto saved = world_.save(file, answer->out); !saved) {
        return saved.error().text();
    }
    const auto noted = note(Happened::added, gate.id, file);
    return noted ? Result<std::string>("") : tl::unexpected(noted.error());
}

Runner::Outcome Runner::gate(const Step& step) {
    GateWatch watch(step.gate, world_.now(), progress_.bases[step.id]);
    int64_t ends_at = world_.monotonic() + microseconds(step.timeout);
    std::string why;
    for (;;) {
        const int64_t taken_at = world_.monotonic();
        const auto answer = world_.run(step, looking(step), seconds(ends_at - taken_at));
        const Reading reading = watch.take(answer, world_.now(), world_.monotonic());
        world_.show(step, reading);
        if (auto kept = world_.keep(step, answer, reading); !kept) {
            return tl::unexpected(kept.error());
        }
        if (watch.passed()) {
            return note_and_go_on(Happened::done, step, joined(reading.shown));
        }
        const std::string now = reading.why.empty() ? "was not good for long enough" : reading.why;
        // The last one is cut as the gate's own time is up, and tells less than the one before.
        const bool cut = answer && answer->timed_out && !why.empty();
        why = cut ? fmt::format("{}; then {}", why, now) : now;
        if (reading.verdict == Verdict::cannot_tell && may_add(step)) {
            const auto failed = add_sample(step);
            if (!failed) {
                return tl::unexpected(failed.error());
            }
            if (failed->empty()) {
                return std::nullopt;  // it is begun anew, with more to look at
            }
            why += "; " + *failed;
        }
        if (reading.verdict == Verdict::fatal || watch.used_up()) {
            return note_and_go_on(Happened::failed, step, why);
        }
        const int64_t next_at =
            std::max(taken_at + microseconds(step.gate.every), world_.monotonic());
        if (next_at >= ends_at) {
            return note_and_go_on(
                Happened::failed, step,
                fmt::format("did not pass within {} s: {}", step.timeout.count(), why));
        }
        if (Held held = rest(step, next_at); !held.free) {
            return held.then;
        }
        // While a guard held the run, the gate could not look.
        ends_at += std::max<int64_t>(world_.monotonic() - next_at, 0);
        if (world_.stop_wanted()) {
            return stop_as_asked();
        }
    }
}

}  // namespace rehome::cutover
