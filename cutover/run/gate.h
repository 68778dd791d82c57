// Gates: whether a command's samples are good, often and long enough.  Pure; the runner takes the
// samples and tells the times.
//
// A sample is good when the command ended in time with exit code 0, its JSON holds every figure
// within its bounds, and its own time is newer than the gate's start and than the sample before,
// not older than max_age and not in the future.  Everything else is bad: no data is a failure.  A
// sample that was seen before says nothing: it is neither.
//
// A gate passes once `good` samples in a row, over at least `for_s` seconds, were good; a bad one
// starts the count anew, and so does a hole: a sample speaks for max_age, and one that comes later
// than that after it was due leaves a time of which nobody knows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/child.h"
#include "common/clock.h"
#include "cutover/run/figure.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// A sample further ahead is from the future: the clocks of two hosts agree no better.
inline constexpr double ahead_at_most_s = 1;

struct Reading {
    using Verdict = cutover::Verdict;

    Verdict verdict = Verdict::cannot_tell;
    std::string why{};                 // what was wrong; empty when good
    std::vector<std::string> shown{};  // each figure with its value and bounds
    bool seen_before = false;          // the sample of last time once more: it does not count
};

// What an answer of a check says: good is done, bad is not done.
Reading read_sample(const Sample& sample, const Result<Finished>& answer);

// The numbers from which figures count that count since an earlier step, by key().
using Bases = std::map<std::string, double>;

std::string key(const Figure& figure);  // "/broken since carrier red/go on"

// The bases of the figures that count since this step, from an answer that came just before it; an
// error where one cannot be told.
Result<Bases> read_bases(const Sample& sample, const std::string& since,
                         const Result<Finished>& answer, UnixMicros now);

// {"/broken since carrier red/go on": 3}, as it stands in the journal.
std::string bases_text(const Bases& bases);
Bases parse_bases(std::string_view text);

class GateWatch {
public:
    GateWatch(const Gate& gate, UnixMicros started, Bases bases = {})
        : gate_(gate), started_(started), counted_from_(std::move(bases)) {}

    // One more sample, that came at these times (wall clock, monotonic).
    Reading take(const Result<Finished>& answer, UnixMicros now, int64_t monotonic_us);

    // From here on figures count from what they were last.
    void count_anew() { counted_from_ = counted_last_; }

    bool passed() const { return passed_; }
    // So many samples were taken as the gate allows.
    bool used_up() const { return gate_.tries != 0 && taken_ >= gate_.tries; }

private:
    Reading read(const Result<Finished>& answer, UnixMicros now);
    Reading read_time(const nlohmann::json& document, UnixMicros now);
    Reading read_figures(const nlohmann::json& document);
    FigureReading count(const Figure& figure, const nlohmann::json& document);
    std::string hole(int64_t at_us) const;

    const Gate& gate_;
    UnixMicros started_;
    Bases counted_from_;
    Bases counted_last_;                  // a counter that falls below it was restarted
    std::optional<UnixMicros> newest_{};  // the time of the newest sample, as it says itself
    unsigned taken_ = 0;
    unsigned in_row_ = 0;
    int64_t row_began_us_ = 0;
    int64_t row_ends_us_ = 0;  // by the samples' own clock where they have one
    bool passed_ = false;
};

}  // namespace rehome::cutover
