// What a login agent says of itself, as JSON: "rehome/login-status/1".
//
// One carrier's status is a file that its agent rewrites each second; the same without "gap_counts"
// is a line of series.jsonl.  Several carriers' sum ("rehome/login-summary/1") has the same keys,
// "at" of the oldest of them, and the carriers' own in "carriers".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/clock.h"
#include "common/error.h"
#include "cutover/login/tally.h"

namespace rehome::cutover {

struct LoginStatus {
    UnixMicros at = 0;
    std::string login;
    std::string carrier;
    bool ended = false;   // the agent was stopped: nothing newer will come
    int64_t late_us = 0;  // by how much the agent itself was late, at most, in the last second
    LoginCounts counts;
};

// A status older than this says nothing about now.
constexpr int64_t login_stale_us = 3'000'000;

nlohmann::json to_json(const LoginStatus& status);
nlohmann::json to_series(const LoginStatus& status);
Checked<LoginStatus> parse_login_status(std::string_view file, std::string_view text);

// The sum; "stale" names the carriers whose status is too old.
nlohmann::json login_summary(const std::vector<LoginStatus>& carriers, UnixMicros now);

// A table for people, one line a carrier and one for the sum.
std::string login_table(const std::vector<LoginStatus>& carriers, UnixMicros now);

}  // namespace rehome::cutover
