// The world as the runner sees it: everything that it reads, changes, waits for or tells goes
// through here, so that it is tested without any of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/child.h"
#include "common/clock.h"
#include "cutover/run/gate.h"
#include "cutover/run/guard.h"
#include "cutover/run/journal.h"
#include "cutover/run/question.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// What is known of a command that was to change something.
struct Fate {
    enum class Kind {
        never_begun,
        ended,   // by itself, or when its time was over; nothing of it is left
        cut,     // it was begun and is gone; how far it came cannot be told
        unknown  // its host cannot be asked
    } kind = Kind::unknown;
    Finished finished{};  // of what has ended
    std::string why{};    // of the others
};

class World {
public:
    virtual ~World() = default;

    // Adds to the journal; it is on disk when this returns.
    virtual Result<> append(const Record& record) = 0;

    // Runs a command of the step that only looks, on the step's host.
    virtual Result<Finished> run(const Step& step, const Argv& argv, Seconds limit) = 0;

    // Runs the step's act or its undo there; the line of the journal that has announced it is what
    // it is remembered by.
    virtual Fate act(const Step& step, const Argv& argv, size_t line) = 0;
    // What has become of it since, also if another runner began it.  Nothing of it runs any more
    // when this returns, unless it is unknown.
    virtual Fate recall(const Step& step, size_t line) = 0;

    // Writes a file here, whole or not at all.
    virtual Result<> save(const std::string& path, const std::string& content) = 0;

    // Adds a sample, as the command printed it, to those that are kept as evidence.
    virtual Result<> keep(const Step& step, const Result<Finished>& answer,
                          const Reading& reading) = 0;

    // From here on the guard is looked at all the while, beside whatever else is run.
    virtual void begin_guard(size_t place, const Guard& guard) = 0;
    // The samples of all guards that have come since this was asked last.
    virtual std::vector<GuardSample> guard_samples() = 0;

    virtual UnixMicros now() = 0;
    virtual int64_t monotonic() = 0;  // microseconds

    // Ends early when a stop is asked for.
    virtual void wait(Seconds time) = 0;
    virtual bool stop_wanted() = 0;
    virtual std::string stop_asker() = 0;  // who wants it; empty where that is not known

    // Whether there is somebody who may be asked now.
    virtual bool attended() = 0;

    // The operator's answer; nothing when there is nobody (any more), when a stop is asked for, or
    // once there is no need to ask, which is looked at all the while.
    virtual std::optional<Answer> ask(const Question& question,
                                      const std::function<bool()>& needless) = 0;

    // For who watches.  Neither can fail: a terminal that is gone does not stop a move.
    virtual void show(const Record& record) = 0;
    virtual void show(const Step& step, const Reading& reading) = 0;
};

}  // namespace rehome::cutover
