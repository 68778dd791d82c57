// One scripted client as a state machine: it takes what happened and says what to do, and knows no
// socket and no clock.  Times are microseconds of one monotonic clock.
//
//   idle -> connecting -> logging_in -> up -> asking -> up ...
//                                              asking -> overdue -> up (late) or given up
//   any break -> connecting at once (a new connection, so a new source port), or backing_off first
//
// It behaves as an old app does:
//   - connecting and every expected answer of the login have timeout_us, then the attempt has
//   failed;
//   - a heartbeat is due at the next point of the session's own grid (phase + n x heartbeat_us), so
//     that thousands of sessions stay spread over the interval; one is outstanding at a time;
//   - an unanswered heartbeat is overdue after timeout_us; after give_up_us the app gives up the
//     connection and logs in anew;
//   - the first try after a break is immediate, the next ones back off, doubling, with jitter,
//   until
//     a heartbeat has been answered again.
//
// A gap of a session runs from its break, or from the time at which the heartbeat was sent that was
// never answered on that connection, whichever was earlier, to its next answer: login accepted or
// heartbeat answered.  A heartbeat that is answered on its own connection is a gap, too ("slow"),
// when the answer took longer than timeout_us.  Gaps of one session never overlap.
//
// A canary is a client that logs in, has one heartbeat answered, closes, and comes again with the
// next point of its grid; it never retries and has no gaps.
//
// Invariant: until stop(), deadline() is a time; a session is never stuck without a timer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"
#include "cutover/login/script.h"

namespace rehome::cutover {

struct LoginRules {
    int64_t timeout_us = 2'000'000;
    int64_t give_up_us = 10'000'000;
    int64_t heartbeat_us = 2'000'000;
    int64_t backoff_first_us = 200'000;
    int64_t backoff_max_us = 5'000'000;
    bool canary = false;
    int64_t canary_us = 0;  // a canary's own interval
};

// Why an attempt failed, a session broke, or a gap began.  The last two are never a gap's.
enum class LoginCause : uint8_t { reset, closed, timeout, slow, refused, own };

std::string_view name(LoginCause cause);

enum class LoginState : uint8_t {
    idle,
    connecting,
    logging_in,
    up,
    asking,
    overdue,
    backing_off,
    ended
};

struct LoginGap {
    uint32_t session = 0;
    Endpoint local;  // of the connection that broke, or was slow
    int64_t from_us = 0;
    int64_t to_us = 0;
    LoginCause cause = LoginCause::reset;
    bool relogin = false;
};

// What to do, in this order: close the connection, open a new one, send; and what has happened.
struct LoginActions {
    bool close = false;
    bool connect = false;
    std::string send;

    bool accepted = false;             // the login went through
    bool answered = false;             // a heartbeat was answered
    std::optional<LoginCause> failed;  // an attempt to log in ended so
    std::optional<LoginCause> broke;   // a session that was logged in ended so
    std::string failure;               // one line on either
    std::optional<LoginGap> gap;       // it has ended now
};

class LoginSession {
public:
    // The session takes its first step at first_us.
    LoginSession(const LoginScript& script, const LoginRules& rules, uint32_t number,
                 int64_t phase_us, int64_t first_us);

    LoginActions on_timer(int64_t now);
    LoginActions on_connected(int64_t now, const Endpoint& local);
    LoginActions on_bytes(int64_t now, std::string_view bytes);
    // The connection ended, or could not be opened.
    LoginActions on_broken(int64_t now, LoginCause cause);
    LoginActions stop();

    LoginState state() const { return state_; }
    int64_t deadline() const { return deadline_; }
    uint32_t number() const { return number_; }
    bool canary() const { return rules_->canary; }
    // Since when this session has had no answer; only what is known to be a gap.
    std::optional<int64_t> gap_since() const;

    void renumber(uint32_t number) { number_ = number; }  // a canary, before it connects

private:
    void connect(int64_t now, LoginActions& actions);
    void advance(int64_t now, LoginActions& actions);
    void accept(int64_t now, LoginActions& actions);
    void ask(int64_t now, LoginActions& actions);
    void answer(int64_t now, LoginActions& actions);
    void fail(int64_t now, LoginCause cause, LoginActions& actions);
    void lose(int64_t now, LoginCause cause, LoginActions& actions);
    void retry(int64_t now, LoginActions& actions);
    void end_gap(int64_t now, LoginActions& actions);
    int64_t next_on_grid(int64_t now, int64_t interval_us) const;
    int64_t backoff() const;
    void remember(std::string_view bytes);

    const LoginScript* script_;
    const LoginRules* rules_;
    uint32_t number_;
    LoginState state_ = LoginState::idle;
    uint32_t failures_ = 0;  // since a heartbeat was answered
    uint32_t attempts_ = 0;
    size_t step_ = 0;     // of the script
    size_t matched_ = 0;  // of the awaited bytes
    int64_t phase_us_;
    int64_t deadline_;
    int64_t asked_at_ = 0;  // when the outstanding heartbeat was sent
    Endpoint local_;
    std::optional<LoginGap> gap_;  // begun, not ended
    std::string tail_;             // the last bytes received while logging in
};

}  // namespace rehome::cutover
