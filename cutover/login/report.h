// The gaps of a whole run, told exactly: read from gaps.jsonl, one line a gap that has ended.
//
//   {"session":17,"local":"100.80.0.17:40001","remote":"198.51.100.10:1883","from":TIME,"to":TIME,
//    "gap_ms":812.4,"cause":"reset|closed|timeout|slow","relogin":true}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/clock.h"
#include "cutover/login/session.h"
#include "cutover/login/status.h"

namespace rehome::cutover {

// The gap's line, with its end.  gap: with times of the monotonic clock; to_wall_us adds to them.
std::string gap_line(const LoginGap& gap, const Endpoint& remote, int64_t to_wall_us);

struct GapSummary {
    std::vector<double> lengths_ms;
    std::map<std::string, uint64_t> causes;
    uint64_t relogins = 0;
    uint64_t bad_lines = 0;  // not readable: an agent that was killed leaves half a line at most

    // Takes the lines of a file whose gaps began at since or later.
    void add_lines(std::string_view text, UnixMicros since);
    void add(const GapSummary& other);
};

struct CarrierReport {
    LoginStatus status;
    GapSummary gaps;
};

// "rehome/login-report/1"; percentiles by nearest rank over all gaps.
nlohmann::json login_report(const std::vector<CarrierReport>& carriers);

}  // namespace rehome::cutover
