#include "cutover/login/tally.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace rehome::cutover {
namespace {

int64_t round_up(int64_t us) {
    const auto bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(us)));
    if (bits <= 6) return us;
    const int64_t unit = int64_t{1} << (bits - 6);
    return (us + unit - 1) / unit * unit;
}

bool is_waiting(LoginState state) {
    return state == LoginState::asking || state == LoginState::overdue;
}

bool is_up(LoginState state) {
    return state == LoginState::up || state == LoginState::asking;
}

// Adds to a count what is true now and takes away what was: -1, 0 or 1.
void move(uint64_t& count, bool before, bool after) {
    count += after ? 1u : 0u;
    count -= before ? 1u : 0u;
}

}  // namespace

void LoginGaps::add(int64_t us) {
    us = std::max<int64_t>(us, 0);
    ++counts[round_up(us)];
    max_us = std::max(max_us, us);
}

void LoginGaps::add(const LoginGaps& other) {
    for (const auto& [us, n] : other.counts) counts[us] += n;
    max_us = std::max(max_us, other.max_us);
}

uint64_t LoginGaps::count() const {
    uint64_t sum = 0;
    for (const auto& [us, n] : counts) sum += n;
    return sum;
}

int64_t LoginGaps::percentile_us(double percent) const {
    const auto rank =
        static_cast<uint64_t>(std::ceil(percent / 100.0 * static_cast<double>(count())));
    uint64_t seen = 0;
    for (const auto& [us, n] : counts) {
        seen += n;
        if (seen >= std::max<uint64_t>(rank, 1)) return std::min(us, max_us);
    }
    return max_us;
}

void LoginCounts::add(const LoginCounts& other) {
    constexpr uint64_t LoginCounts::*sums[] = {
        &LoginCounts::wanted,         &LoginCounts::up,
        &LoginCounts::waiting_answer, &LoginCounts::overdue,
        &LoginCounts::logins_ok,      &LoginCounts::logins_failed,
        &LoginCounts::broken_reset,   &LoginCounts::broken_closed,
        &LoginCounts::broken_timeout, &LoginCounts::slow,
        &LoginCounts::heartbeats_ok,  &LoginCounts::open_gaps,
        &LoginCounts::canary_ok,      &LoginCounts::canary_failed,
    };
    for (const auto member : sums) this->*member += other.*member;
    gaps.add(other.gaps);
    oldest_gap_us = std::max(oldest_gap_us, other.oldest_gap_us);
    if (!other.last_failure.empty()) last_failure = other.last_failure;
    if (!other.canary_last_failure.empty()) canary_last_failure = other.canary_last_failure;
}

void LoginTally::note(const LoginView& before, const LoginSession& session,
                      const LoginActions& actions) {
    if (session.canary()) return note_canary(actions);
    note_state(before.state, session.state());
    if (before.gap_since != session.gap_since()) {
        if (before.gap_since) open_.erase({*before.gap_since, session.number()});
        if (session.gap_since()) open_.insert({*session.gap_since(), session.number()});
    }
    if (actions.accepted) ++counts_.logins_ok;
    if (actions.answered) ++counts_.heartbeats_ok;
    if (actions.failed) ++counts_.logins_failed;
    if (actions.broke == LoginCause::reset) ++counts_.broken_reset;
    if (actions.broke == LoginCause::closed) ++counts_.broken_closed;
    if (actions.broke == LoginCause::timeout) ++counts_.broken_timeout;
    if (!actions.failure.empty()) counts_.last_failure = actions.failure;
    if (actions.gap) {
        counts_.gaps.add(actions.gap->to_us - actions.gap->from_us);
        if (actions.gap->cause == LoginCause::slow) ++counts_.slow;
    }
}

LoginCounts LoginTally::counts(int64_t now) const {
    LoginCounts counts = counts_;
    counts.open_gaps = open_.size();
    counts.oldest_gap_us = open_.empty() ? 0 : now - open_.begin()->first;
    return counts;
}

void LoginTally::note_state(LoginState before, LoginState after) {
    if (before == after) return;
    move(counts_.up, is_up(before), is_up(after));
    move(counts_.waiting_answer, is_waiting(before), is_waiting(after));
    move(counts_.overdue, before == LoginState::overdue, after == LoginState::overdue);
}

void LoginTally::note_canary(const LoginActions& actions) {
    if (actions.answered) ++counts_.canary_ok;
    if (!actions.failed && !actions.broke) return;
    ++counts_.canary_failed;
    counts_.canary_last_failure = actions.failure;
}

}  // namespace rehome::cutover
