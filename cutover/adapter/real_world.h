// The runner's world as it is: the journal on disk, the hands on the steps' hosts, the clock,
// the operator's terminal.
#pragma once

#include "common/stop_signal.h"
#include "cutover/adapter/desk.h"
#include "cutover/adapter/guard_sampler.h"
#include "cutover/adapter/journal_file.h"
#include "cutover/adapter/watch.h"
#include "cutover/run/world.h"

namespace rehome::cutover {

class RealWorld : public World {
public:
    RealWorld(JournalFile& journal, const StopSignal& signals, Watch& watch, Desk& desk,
              Hands& hands)
        : journal_(journal),
          signals_(signals),
          watch_(watch),
          desk_(desk),
          hands_(hands),
          guards_(hands) {}

    Result<> append(const Record& record) override { return journal_.append(record); }
    Result<Finished> run(const Step& step, const Argv& argv, Seconds limit) override;
    Fate act(const Step& step, const Argv& argv, size_t line) override;
    Fate recall(const Step& step, size_t line) override;
    Result<> save(const std::string& path, const std::string& content) override;
    Result<> keep(const Step& step, const Result<Finished>& answer,
                  const Reading& reading) override;
    void begin_guard(size_t place, const Guard& guard) override;
    std::vector<GuardSample> guard_samples() override { return guards_.take(); }
    UnixMicros now() override { return now_us(); }
    int64_t monotonic() override { return monotonic_us(); }
    void wait(Seconds time) override { signals_.wait(time); }
    bool stop_wanted() override { return signals_.wanted(); }
    std::string stop_asker() override { return desk_.stop_asker(); }
    bool attended() override { return desk_.attended(); }
    std::optional<Answer> ask(const Question& question,
                              const std::function<bool()>& needless) override {
        return desk_.ask(question, needless);
    }
    void show(const Record& record) override { watch_.record(record); }
    void show(const Step& step, const Reading& reading) override {
        watch_.reading(step, reading, now_us());
    }

private:
    JournalFile& journal_;
    const StopSignal& signals_;
    Watch& watch_;
    Desk& desk_;
    Hands& hands_;
    GuardSampler guards_;
};

}  // namespace rehome::cutover
