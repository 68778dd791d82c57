// An undo that waits on its target until it is confirmed ("rehome/lbsync-armed/1").
//
// Schema: common/formats/lbsync-armed.schema.json.  The record stands on the target alone, and is
// gone after a boot, as the kernel's rule sets are: boot files still have what was there before,
// and get what is new when the apply is confirmed.  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "lbsync/plan/saved.h"

namespace rehome::lbsync {

// What a file of the target becomes when the apply is confirmed; what it was stands in `saved`.
struct BootFile {
    std::string path;
    std::string content;
    bool operator==(const BootFile&) const = default;
};

struct Armed {
    std::string id;       // of the apply, the same on all of its targets
    std::string by;       // "root@ops1, process 4711"
    std::string command;  // "lbsync apply ..."
    std::string since;    // wall clock, for people
    std::string until;
    int64_t deadline_us = 0;  // CLOCK_BOOTTIME: when what is not confirmed is undone
    Saved saved;              // of the host "local"
    std::vector<BootFile> boot;
};

// What the last undo of a target's own has done.
struct TimerUndo {
    std::string id;
    std::string at;
    std::vector<std::string> done;
    std::vector<std::string> left_undone;
};

// What `lbsync armed` says.
struct Standing {
    std::optional<Armed> armed;
    bool waits = false;  // a living process waits for the time to be over
    std::optional<TimerUndo> undone;
};

nlohmann::ordered_json to_json(const Standing& standing);
Checked<Standing> parse_standing(std::string_view where, std::string_view text);

// The same saved things, of another name for the same host.
Saved renamed(Saved saved, const std::string& host);

}  // namespace rehome::lbsync
