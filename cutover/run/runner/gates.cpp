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

Runner::Outcome Runner::gate(const Step& step) {
    GateWatch watch(step.gate, world_.now(), progress_.bases[step.id]);
    int64_t ends_at = world_.monotonic() + microseconds(step.timeout);
    std::string why;
    for (;;) {
        const int64_t taken_at = world_.monotonic();
        const auto answer = world_.run(step, step.gate.sample.command, seconds(ends_at - taken_at));
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
        why = cut ? why + "; then " + now : now;
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
