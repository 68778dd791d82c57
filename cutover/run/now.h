// What a run is at, for who looks: what goes on, what is waited for, what was wrong last, what a
// way back would do now.  A function of the plan, the journal and the samples that were kept. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/progress.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// A line of JOURNAL.d/samples.jsonl, as far as it tells how things stand.
struct KeptSample {
    UnixMicros at = 0;
    std::string step{};  // a gate's id, or a guard's
    Verdict verdict = Verdict::cannot_tell;
    std::vector<std::string> figures{};
    std::string text{};
};

// What is no whole line of a sample is passed over: the text may begin and end anywhere.
std::vector<KeptSample> read_samples(std::string_view text);

// The newest sample of a gate or a guard.
struct Sighting {
    KeptSample sample;
    UnixMicros since = 0;  // of the first of those in a row that had the same verdict
    Seconds lasting{0};    // so long a gate must be good
};

struct Now {
    std::string step{};       // what goes on, or went on when the runner ended; empty: nothing
    UnixMicros since = 0;     // the time when that began
    std::string waits_for{};  // empty: for nothing
    std::optional<Question> question{};
    std::vector<Sighting> sightings{};    // the gate's that is waited for, and the guards'
    std::optional<Record> failed{};       // what went wrong last, forwards or backwards
    std::optional<Record> turned_back{};  // the last time
    std::optional<Record> stopped{};      // the last time, unless somebody went on
    std::vector<size_t> undo{};           // steps that a way back would undo now, in that order
    std::vector<size_t> stays{};          // steps that were begun and have no undo
    std::vector<size_t> found{};          // steps that were so before
    std::vector<size_t> gone_on{};        // steps that failed, and the operator went on
};

Now now_of(const Plan& plan, const Journal& journal, const Progress& progress,
           const std::vector<KeptSample>& samples);

// "12 min 3 s"
std::string duration_text(int64_t us);

}  // namespace rehome::cutover
