// Tables that an operator leaves alone, each with his reason: other programs' (Docker, fail2ban,
// libvirt), which are neither compared nor touched.
//
// - keep: what stands stays, at the target as at the old site, and nothing of it is carried;
// - ignore: the old site's is not carried, and no difference.
//
// What is then equal is equal as if these tables were not there.  Chains see what others have
// marked, translated or taken out of tracking, so of each table it is told whether it does that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lbsync/mapping/map_file.h"
#include "lbsync/nft/read.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync {

struct LeftAlone {
    std::string host;
    std::string table;  // "ip docker"
    bool kept = false;  // ignored
    std::string reason;
    bool interferes = false;  // marks or translates packets, or does what is not known

    bool operator==(const LeftAlone&) const = default;
};

// Which side of a comparison.
enum class SideOf : uint8_t { from, to };

// Whether a table ("ip docker") of this side is.
bool is_left_alone(const std::string& table, SideOf side, const MapFile& file);

// Takes such tables out of what was read of a host, with the doubts about them; what was taken.
std::vector<LeftAlone> leave_alone(Reading& reading, const std::string& host, SideOf side,
                                   const MapFile& file);
std::vector<LeftAlone> leave_alone(policy::Policy& policy, const std::string& host, SideOf side,
                                   const MapFile& file);

// Entries that have matched nothing, in words.
std::vector<std::string> unmatched(const MapFile& file, const std::vector<LeftAlone>& found);

// A line for each, for people, and as JSON.
std::string line(const LeftAlone& table);
nlohmann::ordered_json to_json(const std::vector<LeftAlone>& tables);

// Behind the word "equal": " but for 2 tables that are left alone"; empty where there are none.
std::string but_for(const std::vector<LeftAlone>& tables);

}  // namespace rehome::lbsync
