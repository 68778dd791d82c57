// The journal ("rehome/journal/3"): what a run has done, as lines of JSON.  Pure; journal_file.h
// keeps it on disk.
//
// Line 1 opens it and holds the run's id, the playbook, the inventory and the settings, so that
// nothing else is needed to go on.  Each runner that goes on raises the run's epoch, which stands
// in its first line; hands refuse lower ones.  Every line ends with a member "sum": the first 16
// digits of the SHA-256 of the previous line's sum and of this line without it, so that a line that
// was changed, lost or moved is noticed.  The last line may be torn (it has no line feed): what it
// would have announced was not begun, and it does not count.  Anything else that does not fit is an
// error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/error.h"
#include "cutover/run/playbook.h"
#include "cutover/run/question.h"

namespace rehome::cutover {

enum class Happened {
    opened,
    found,         // a step: so already, before anything was done
    begun,         // a step; written before it touches the world, with what was there before
    done,          // a step
    failed,        // a step
    retried,       // a step that failed is to be tried again
    gone_on,       // from a step that failed, by the operator, with the reason
    turned_back,   // from here on steps are undone
    undo_begun,    // a step; written before
    undone,        // a step, and its check says so
    unproven,      // a step: its undo ended well, and nobody can tell what is there now
    undo_failed,   // a step
    undo_skipped,  // a step, by the operator
    counts_from,   // a gate; the numbers from which its figures count, before the step that they
                   // name
    added,         // to a gate; the file that it looks at from here on, too
    asked,         // the operator; written before the question is shown
    answered,      // by the operator, or the question was withdrawn
    stopped,       // by a signal or for want of an answer; to be resumed
    resumed,
    accepted,  // that lines are missing, of which hosts know
    finished,  // nothing left to do or to undo
};

std::string_view name(Happened what);

struct Record {
    Happened what = Happened::opened;
    UnixMicros at = 0;
    std::string step{};                  // its id; empty: the run as a whole
    std::string text{};                  // how or why
    Kept was{};                          // of what was begun: what was there before
    uint64_t epoch = 0;                  // of what was resumed: the run's epoch from here on
    std::vector<std::string> choices{};  // of what was asked: the words that answer it
    std::string by{};                    // of what was answered: who did; empty: nobody
    bool unknown = false;                // of what failed: whether it is done cannot be told
};

// What the first line holds.
struct Opening {
    UnixMicros at = 0;
    std::string playbook_path{};
    std::string playbook{};  // the text
    std::string inventory_path{};
    std::string inventory{};  // the text
    Settings settings{};
    std::string run_dir{};  // beside the journal, wherever that is now; not written there
    std::string run{};      // the run's id: 32 hexadecimal digits, drawn at random
};

// Makes the lines; holds the sum of the last one.
class JournalWriter {
public:
    JournalWriter() = default;
    explicit JournalWriter(std::string last_sum) : sum_(std::move(last_sum)) {}

    std::string line(const Opening& opening);  // with its line feed
    std::string line(const Record& record);
    const std::string& last_sum() const { return sum_; }

private:
    std::string sum_;
};

struct Journal {
    Opening opening;
    std::vector<Record> records;  // without the opening
    std::string last_sum;
    std::vector<std::string> sums{};  // of each line, the opening's first
    size_t whole_bytes = 0;           // without a torn last line
};

// The epoch in which a run with these records is: 1, and one more each time that it was resumed.
uint64_t epoch_after(const std::vector<Record>& records);

// What a record that asks is answered by: six hexadecimal digits, of no other question of the run.
std::string question_id(const Record& asked);

// What is asked last and not answered yet.
std::optional<Question> open_question(const std::vector<Record>& records);

// How the question of this id was answered, or that it was withdrawn.
std::optional<Record> answer_to(const std::vector<Record>& records, std::string_view id);

// Nothing when the text is empty or its first line is torn: no run was begun.
Result<std::optional<Journal>> read_journal(const std::string& file, std::string_view text);

}  // namespace rehome::cutover
