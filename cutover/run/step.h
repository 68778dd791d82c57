// A plan as it is run: a playbook with every variable replaced and every for_each expanded.
//
// Steps stand in the order in which they are run; their ids ("STAGE/STEP") are unique and are what
// the journal names.  Argument vectors are as the step's host runs them (without "ip netns exec").
// Values only.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/host.h"

namespace rehome::cutover {

using Seconds = std::chrono::duration<double>;

// By name: a value as text, or where it is found.
using Kept = std::map<std::string, std::string>;

// One value in a command's JSON, and what it must be.  See figure.h for the pointer's form.
struct Figure {
    std::string pointer;
    std::string of;            // a second pointer: the value is a share of that one; empty: itself
    bool since_start = false;  // the value is its growth since the gate's first sample
    std::string since;     // the value is its growth since this step was begun; empty: it is not
    bool at_once = false;  // a bad value fails the gate at once
    std::optional<double> min;
    std::optional<double> max;
    std::optional<std::variant<double, bool, std::string>> equals;

    bool counts() const { return since_start || !since.empty(); }
};

// A command and what its answer must be: exit code 0 and good figures.
struct Sample {
    Argv command;
    std::vector<Figure> figures;
    std::string fresh;    // pointer to the sample's own time; empty: not asked for
    Seconds max_age{10};  // of that time
};

// What mends a gate that cannot tell: an act before it is run again, and what it prints is added to
// what the gate looks at, as often as was planned.  Looking again at a new sample alone would find
// its answer by chance.
struct More {
    std::string step;    // the act's id
    size_t act = 0;      // its place in the plan
    unsigned looks = 1;  // in all, the first included
    std::string option;  // stands in the gate's command before each file that was added
};

// Good samples in a row, without a break, for some time.
struct Gate {
    Sample sample;
    std::optional<More> more{};
    Seconds lasting{0};  // "for_s"
    Seconds every{1};
    unsigned good = 1;   // good samples in a row, at least
    unsigned tries = 0;  // samples at most; 0: as many as the time limit allows
};

// What an act that failed is tried again by itself, where nobody is there to ask.
struct Retry {
    unsigned times = 0;
    Seconds every{5};
};

struct Step {
    enum class Kind {
        act,
        gate,
        hold,
        way_back,  // nothing on the way there; its undo on the way back
    } kind = Kind::act;
    std::string id;
    std::string at;  // where it stands in the playbook, a JSON pointer
    std::string stage;
    std::string name;
    std::string on;  // the host's name in the inventory; empty: here
    Host host;
    Seconds timeout{60};  // of each command, and of a gate as a whole

    // An act.
    Argv act;                     // "do" in the file
    std::optional<Sample> check;  // good: done; bad: not done; otherwise it cannot be told
    Kept was;                     // pointers into what `check` prints before the act
    Argv undo;                    // empty: nothing to undo; holds ${was.NAME}
    // Stages and steps (ids) whose undo must have come before this one's; none: all that come
    // before it on the way back.
    std::optional<std::vector<std::string>> after;
    std::string save;         // a file here that receives what `act` prints; empty: none
    bool repeatable = false;  // without a check: doing it twice does no harm
    Retry retry{};
    // Of both: it is let run to its end when nobody is heard any more.
    bool survives = false;
    std::vector<std::string> leaves;  // names under which it may leave a process behind

    Gate gate;
    std::string question;    // of a hold
    bool no_return = false;  // its stage is one from which a guard does not turn back
};

// What is looked at all the while, from a step on.
struct Guard {
    Step step{};                     // a gate, of which one good sample is as good as another
    size_t from = 0;                 // the first step that it guards, by its place in the plan
    std::set<std::string> not_in{};  // stages in which resets are expected: there it only reports
    Seconds blind{30};               // unattended, the run goes back when it sees nothing so long
};

// A carrier that no step touches.
struct LeftCarrier {
    std::string name;
    std::vector<std::string> old_gateways;  // those with its lines, which stay
};

struct Plan {
    std::string name;
    std::string summary;
    std::map<std::string, std::string> parameters;  // as in force
    std::vector<LeftCarrier> left;
    std::vector<std::string>
        absent;  // what a for_each that may be empty lacks, and where it stands
    std::vector<Step> steps;
    std::vector<Guard> guards;
};

}  // namespace rehome::cutover
