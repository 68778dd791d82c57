// What became of a carrier's sessions, in numbers: counters, how many are up, how long gaps were.
//
// Every change is told by note(), in constant or logarithmic time; nothing looks through all
// sessions. counts() is a copy that can be added to another carrier's.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cutover/login/session.h"

namespace rehome::cutover {

// Lengths of gaps, each rounded up to six significant bits (at most 3.2 % too long), so that any
// number of them takes little room and two carriers' can be added.  The longest is exact.
struct LoginGaps {
    std::map<int64_t, uint64_t> counts;  // rounded length in us -> how many
    int64_t max_us = 0;

    void add(int64_t us);
    void add(const LoginGaps& other);
    uint64_t count() const;
    int64_t percentile_us(double percent) const;  // nearest rank; 0 when there is none
};

struct LoginCounts {
    uint64_t wanted = 0;
    uint64_t up = 0;              // logged in, and the last heartbeat answered or not overdue yet
    uint64_t waiting_answer = 0;  // logged in, a heartbeat outstanding (overdue ones too)
    uint64_t overdue = 0;         // of these, the answer is later than the login's timeout_ms
    uint64_t logins_ok = 0;
    uint64_t logins_failed = 0;
    uint64_t broken_reset = 0;  // breaks of sessions that were logged in
    uint64_t broken_closed = 0;
    uint64_t broken_timeout = 0;
    uint64_t slow = 0;  // heartbeats answered on their connection, but late
    uint64_t heartbeats_ok = 0;
    LoginGaps gaps;             // that have ended
    uint64_t open_gaps = 0;     // sessions that have no answer now
    int64_t oldest_gap_us = 0;  // how long the first of these has had none
    std::string last_failure;
    uint64_t canary_ok = 0;
    uint64_t canary_failed = 0;
    std::string canary_last_failure;

    uint64_t broken() const { return broken_reset + broken_closed + broken_timeout; }
    void add(const LoginCounts& other);
};

// A session before and after it took an event.
struct LoginView {
    LoginState state;
    std::optional<int64_t> gap_since;

    explicit LoginView(const LoginSession& session)
        : state(session.state()), gap_since(session.gap_since()) {}
};

class LoginTally {
public:
    explicit LoginTally(uint64_t wanted) { counts_.wanted = wanted; }

    void note(const LoginView& before, const LoginSession& session, const LoginActions& actions);
    LoginCounts counts(int64_t now) const;

private:
    void note_state(LoginState before, LoginState after);
    void note_canary(const LoginActions& actions);

    LoginCounts counts_;
    std::set<std::pair<int64_t, uint32_t>> open_;  // since when, which session
};

}  // namespace rehome::cutover
