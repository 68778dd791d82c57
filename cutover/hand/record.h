// What a hand writes down of a run on its own disk, as lines of JSON, and what they say together.
//
//   begun     an act or undo, on disk before it is let go
//   if_cut    what is to be run should it be cut; an empty argv takes that back
//   left      a process that it left behind under a name
//   ended     how it ended, with what it printed
//
// The last line may be torn: then it does not count.  Anything else that does not fit is an error.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/process.h"
#include "cutover/hand/message.h"

namespace rehome::cutover {

struct IfCut {
    Argv argv{};  // empty: nothing
    Milliseconds limit{0};
};

struct LeftBehind {
    std::string name;
    ProcessMark process{};
};

// A command as its lines tell it.
struct Remembered {
    Entry entry{};
    UnixMicros begun_at = 0;
    Milliseconds limit{0};
    ProcessMark init{};  // nothing of the command outlives it
    IfCut if_cut{};
    std::vector<LeftBehind> left{};
    std::optional<Ending> ending{};
};

std::string begun_line(const Job& job, const ProcessMark& init, UnixMicros at);
std::string if_cut_line(size_t line, const IfCut& if_cut, UnixMicros at);
std::string left_line(size_t line, const LeftBehind& left, UnixMicros at);
std::string ended_line(size_t line, const Ending& ending, UnixMicros at);

struct HandRecord {
    std::map<size_t, Remembered> commands{};  // by their line of the journal
    std::optional<Head> head{};
    size_t whole_bytes = 0;  // without a torn last line
};

// What has not ended, as text, and until when the last of it may take.
struct Unended {
    std::string text{};  // empty: there is nothing
    UnixMicros until = 0;
};
Unended unended(const HandRecord& record, Milliseconds grace, UnixMicros now);

Result<HandRecord> read_record(const std::string& file, std::string_view text);

}  // namespace rehome::cutover
