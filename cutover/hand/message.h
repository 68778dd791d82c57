// What a runner and its hand on a host say to each other ("rehome/hand-order/1" and
// "rehome/hand-tale/1"): lines of JSON, the runner's on the hand's standard input, the hand's on
// its standard output.
//
//   hello     the first line: which run, in which epoch; answered by welcome or refused
//   beat      both ways; see pulse.h
//   job       a command to run: a look, or an act or undo, which has an entry; answered by ended
//   recall    what became of an entry; answered by recalled
//   release   the run holds this host no more; answered by released
//   waits     by the hand at any time: what it waits for
//
// Bytes that a command printed stand in a text as one character each (U+0000 to U+00FF), so that
// none is lost.  What is read is bounded; what does not fit is an error.  Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/child.h"
#include "common/clock.h"
#include "common/error.h"

namespace rehome::cutover {

using Milliseconds = std::chrono::milliseconds;

constexpr size_t longest_order = 4u << 20;    // bytes of a runner's line
constexpr size_t longest_output = 16u << 20;  // bytes of what a command prints on each stream
constexpr size_t longest_tale = 13 * longest_output;  // bytes of a hand's line

// Who has a host: one run at a time.
struct Holder {
    std::string run;
    uint64_t epoch = 1;
    std::string who{};  // USER@HOST
    int64_t pid = 0;
    std::string journal{};
    UnixMicros since = 0;

    bool operator==(const Holder&) const = default;
};

struct Hello {
    Holder holder;
    std::string session{};  // of the runner's process: no second one may have the same epoch
    Milliseconds silence{15'000};
    Milliseconds grace{5'000};
    bool lock = false;  // the host is to be held for the run
};

struct Beat {
    uint64_t number = 0;
};

// What is written down of a command, so that it is known by the line of the journal that announced
// it.
struct Entry {
    size_t line = 0;
    std::string sum{};  // of that line
    std::string step{};
    bool survives = false;              // what runs is let run when nobody is heard any more
    std::vector<std::string> leaves{};  // names under which it may leave a process
};

struct Job {
    uint64_t id = 0;
    Argv argv{};
    Milliseconds limit{0};
    std::optional<Entry> entry{};  // none: a look
};

struct Recall {
    uint64_t id = 0;
    size_t line = 0;
};

struct Release {
    uint64_t id = 0;
};

using Order = std::variant<Hello, Beat, Job, Recall, Release>;

// The newest line of the journal that a host has seen.
struct Head {
    size_t line = 0;
    std::string sum{};

    bool operator==(const Head&) const = default;
};

// Whether nothing of a command can outlive it, or only what does not escape by a new parent.
enum class Keeping { pid_namespace, subreaper };

struct Welcome {
    Keeping keeping = Keeping::pid_namespace;
    std::optional<Head> head{};
    uint64_t since = 1;  // the epoch in which this host heard of the run first, or has lost it all
};

struct Refused {
    std::string why;
};

struct Waits {
    std::string what;
};

// Why a command ended.
enum class Cause {
    itself,
    time,     // it was over
    silence,  // nobody was heard any more
    runner,   // another runner went on
    output,   // it printed too much
    gone,     // killed with its hand, or with its host
    unbegun,  // it was not begun; err says why
};

struct Ending {
    int code = 0;  // as in Finished
    Cause cause = Cause::itself;
    std::string out{};
    std::string err{};
    uint64_t left = 0;  // processes that were still there, and were ended
    std::string
        put_back{};  // what came of what it had asked for in case it was cut; empty: nothing
};

struct Ended {
    uint64_t id = 0;
    Ending ending{};
};

struct Recalled {
    uint64_t id = 0;
    std::optional<Ending> ending{};  // none: it never began
};

struct Released {
    uint64_t id = 0;
};

using Tale = std::variant<Welcome, Refused, Beat, Waits, Ended, Recalled, Released>;

std::string line_of(const Order& order);  // with its line feed
std::string line_of(const Tale& tale);
Result<Order> parse_order(std::string_view line);
Result<Tale> parse_tale(std::string_view line);

std::string_view name(Keeping keeping);
std::string_view name(Cause cause);
std::optional<Cause> parse_cause(std::string_view text);

// Any bytes as text, and back; nothing for characters that stand for no byte.
std::string text_of_bytes(std::string_view bytes);
std::optional<std::string> bytes_of_text(std::string_view text);

}  // namespace rehome::cutover
