// A world in memory that can die at any moment: after each journal line (whole or torn) and before,
// within and after each command.  Its hand remembers what became of acts and undos.
//
// Commands: set NAME and clear NAME make and take away an effect, see NAME is its check, sample
// NAME is a gate's command.  What a command answers can be laid down beforehand by its text.
#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cutover/run/event.h"
#include "cutover/run/world.h"

namespace rehome::cutover::testing {

struct Death {};

class FakeWorld : public World {
public:
    std::string journal;               // as on disk
    std::vector<std::string> effects;  // in the order in which they were made
    std::vector<std::string> ran;      // every command that was started
    std::map<std::string, std::deque<Result<Finished>>> answers;  // by command, then the usual one
    std::set<std::string> broken;                                 // commands that always fail
    std::optional<std::string> answer_to_asked;  // what is no answer is as if nobody answered
    std::deque<std::string> answers_in_turn;     // first
    std::vector<std::string> asked;
    std::vector<std::string> asked_ids;
    std::map<size_t, Fate> fates;       // of acts and undos, by their line of the journal
    std::set<std::string> unreachable;  // steps whose host is, once it was told to do something
    std::map<std::string, std::string> saved;
    std::vector<Record> shown;
    std::vector<std::string> kept;                        // samples
    std::vector<std::pair<size_t, const Guard*>> guards;  // that were begun
    std::map<std::string, int> slow;                      // commands that take so many seconds
    bool alone = false;                                   // there is nobody to ask
    int asking_s = 0;                                     // so long nobody answers
    int stop_after = -1;  // a stop is asked for after so many commands; -1: never
    int die_at = -1;      // at the how-manieth moment; -1: never
    bool disk_full = false;
    int moments = 0;

    Result<> append(const Record& record) override {
        if (disk_full) {
            return fail(Exit::world, "journal", "no space left on device");
        }
        const std::string line = writer_.line(record);
        // Torn: half of the line reached the disk.
        moment([&] { journal += line.substr(0, line.size() / 2); });
        journal += line;
        moment();
        return {};
    }

    Result<Finished> run(const Step&, const Argv& argv, Seconds limit) override {
        const std::string command = printable(argv);
        moment();
        ran.push_back(command);
        clock_us += 100'000 + 1'000'000 * slow[command];
        if (limit.count() <= 0) {
            return Finished{143, true, "", ""};
        }
        auto& laid_down = answers[command];
        if (!laid_down.empty()) {
            const auto answer = laid_down.front();
            laid_down.pop_front();
            return answer;
        }
        if (broken.contains(command)) {
            return Finished{3, false, "", "first line\nit is broken\n"};
        }
        const Result<Finished> answer = usual(argv);
        moment();
        return answer;
    }

    Fate act(const Step& step, const Argv& argv, size_t line) override {
        moment();  // before the hand hears of it
        fates[line] = {Fate::Kind::cut, {}, "it was cut"};
        const auto answer = run(step, argv, step.timeout);
        if (!answer) {
            return fates[line] = {answer.error().kind == Exit::unknown ? Fate::Kind::unknown
                                                                       : Fate::Kind::never_begun,
                                  {},
                                  answer.error().text()};
        }
        fates[line] = {Fate::Kind::ended, *answer, ""};
        moment();  // before the runner hears of it
        return unreachable.contains(step.id) ? lost() : fates[line];
    }

    Fate recall(const Step& step, size_t line) override {
        if (unreachable.contains(step.id)) {
            return lost();
        }
        return fates.contains(line) ? fates[line] : Fate{Fate::Kind::never_begun, {}, ""};
    }

    Result<> save(const std::string& path, const std::string& content) override {
        saved[path] = content;
        return {};
    }

    Result<> keep(const Step& step, const Result<Finished>& answer,
                  const Reading& reading) override {
        kept.push_back(sample_json(step, answer, reading, now()));
        return {};
    }

    void begin_guard(size_t place, const Guard& guard) override {
        guards.emplace_back(place, &guard);
    }

    // One a guard and second, on time: answers["guard NAME"], then the usual one.
    std::vector<GuardSample> guard_samples() override {
        std::vector<GuardSample> samples;
        for (; guarded_us + 1'000'000 <= clock_us; guarded_us += 1'000'000) {
            for (const auto& [place, guard] : guards) {
                auto& laid_down = answers[printable(guard->step.gate.sample.command)];
                if (laid_down.empty()) {
                    samples.push_back({place, Finished{0, false, "{}", ""}, now(), clock_us});
                    continue;
                }
                samples.push_back({place, laid_down.front(), now(), clock_us});
                laid_down.pop_front();
            }
        }
        return samples;
    }

    UnixMicros now() override { return 1'700'000'000'000'000 + clock_us; }
    int64_t monotonic() override { return clock_us; }
    void wait(Seconds time) override { clock_us += std::llround(time.count() * 1e6); }
    bool stop_wanted() override {
        return stop_after >= 0 && ran.size() >= static_cast<size_t>(stop_after);
    }
    std::string stop_asker() override { return ""; }
    bool attended() override { return !alone; }
    std::optional<Answer> ask(const Question& question,
                              const std::function<bool()>& needless) override {
        asked.push_back(question.text);
        asked_ids.push_back(question.id);
        for (int i = 0; i < asking_s && !needless(); ++i) {
            clock_us += 1'000'000;
        }
        std::optional<std::string> line = answer_to_asked;
        if (!answers_in_turn.empty()) {
            line = answers_in_turn.front();
            answers_in_turn.pop_front();
        }
        const auto answer = read_answer(question, line.value_or(""));
        return answer ? std::optional(*answer) : std::nullopt;
    }
    void show(const Record& record) override { shown.push_back(record); }
    void show(const Step&, const Reading&) override {}

    bool has(const std::string& effect) const {
        return std::find(effects.begin(), effects.end(), effect) != effects.end();
    }

    // What a new process finds: the effects and the journal, whose torn last line is cut off.
    std::vector<Record> reopen() {
        die_at = stop_after = -1;
        if (journal.empty()) {
            writer_ = JournalWriter();
            journal = writer_.line(Opening{});
        }
        const auto read = read_journal("journal", journal);
        REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().text()));
        journal.resize((*read)->whole_bytes);
        writer_ = JournalWriter((*read)->last_sum);
        return (*read)->records;
    }

private:
    static Fate lost() { return {Fate::Kind::unknown, {}, "its host cannot be reached"}; }

    Result<Finished> usual(const Argv& argv) {
        const std::string& what = argv.at(0);
        const std::string& name = argv.at(1);
        if (what == "set" && !has(name)) {
            effects.push_back(name);
        } else if (what == "clear") {
            std::erase(effects, name);
        } else if (what == "see") {
            return Finished{has(name) ? 0 : 1, false, "", ""};
        }
        return Finished{0, false, "{}", ""};
    }

    template <typename Last = void (*)()>
    void moment(Last last = [] {}) {
        if (moments++ == die_at) {
            last();
            throw Death();
        }
    }

    JournalWriter writer_;
    int64_t clock_us = 0;
    int64_t guarded_us = 0;
};

}  // namespace rehome::cutover::testing
