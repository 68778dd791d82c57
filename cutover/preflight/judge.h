// What a host's answer means for the night: each thing that will fail, and each that nobody can
// tell, with what was expected and what to do.  Pure.
//
// Every part of the answer is held against what was asked; an answer that lacks a part, or that is
// not of its format, tells nothing and is never taken for a good one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/child.h"
#include "common/clock.h"
#include "common/inventory.h"
#include "cutover/preflight/ask.h"

namespace rehome::cutover {

// What is looked at on a host, as the report's columns have it.
enum class Area { reach, programs, files, vipd, bird, paths, clock, disk, tried };

inline constexpr Area all_areas[] = {Area::reach, Area::programs, Area::files,
                                     Area::vipd,  Area::bird,     Area::paths,
                                     Area::clock, Area::disk,     Area::tried};

std::string_view name(Area area);

// Nothing was asked; good; it will fail, or is not as a move begins; it cannot be told.
enum class Mark { none, good, fails, unknown };

struct Finding {
    Area area = Area::reach;
    Mark mark = Mark::fails;
    std::string what;
    std::string expected;
    std::string todo;

    std::string text() const;  // "what, expected that; do this"
};

// How far a host's clock is from ours.  Where the answer's way took longer than its question's, or
// the other way round, it is wrong by half of the round trip at most.
struct Offset {
    double ms = 0;
    double error_ms = 0;
};

struct HostReport {
    std::string host;
    std::vector<std::string> names;
    std::map<Area, Mark> marks;
    std::optional<Offset> clock;
    double took_ms = 0;
    std::vector<Finding> findings;
};

// How a host answered, between two times of our clock.
struct Answered {
    Result<Finished> end;
    UnixMicros asked = 0;
    UnixMicros came = 0;
    std::optional<Offset> clock{};  // the best that is known
};

// From an answer's own times; nothing when it has none, or its clock went backwards.
std::optional<Offset> offset_of(const Answered& answered);

struct Yardstick {
    const Plan& plan;
    const Inventory& inventory;
    std::string inventory_path;
    std::string inventory_sha256;  // of what it says, as the hosts tell it of theirs
    std::string version;           // ours
};

HostReport judge_host(const HostAsk& ask, const Answered& answered, const Yardstick& yardstick);

}  // namespace rehome::cutover
