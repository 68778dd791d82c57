// Each on_... function is one event; what it leads to is told once, in the functions below them.
#include "cutover/login/session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cutover/login/timers.h"

namespace rehome::cutover {
namespace {

constexpr size_t tail_limit = 8;

// Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014 (its finalizer).
uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// What broke a session that was up, in the words that a gap knows.
LoginCause gap_cause(LoginCause cause) {
    switch (cause) {
        case LoginCause::refused:
            return LoginCause::reset;
        case LoginCause::own:
            return LoginCause::timeout;
        default:
            return cause;
    }
}

}  // namespace

std::string_view name(LoginCause cause) {
    constexpr std::string_view names[] = {"reset", "closed", "timeout", "slow", "refused", "own"};
    return names[static_cast<size_t>(cause)];
}

LoginSession::LoginSession(const LoginScript& script, const LoginRules& rules, uint32_t number,
                           int64_t phase_us, int64_t first_us)
    : script_(&script), rules_(&rules), number_(number), phase_us_(phase_us), deadline_(first_us) {}

LoginActions LoginSession::on_timer(int64_t now) {
    LoginActions actions;
    if (now < deadline_) return actions;
    switch (state_) {
        case LoginState::idle:
        case LoginState::backing_off:
            connect(now, actions);
            break;
        case LoginState::connecting:
        case LoginState::logging_in:
            fail(now, LoginCause::timeout, actions);
            break;
        case LoginState::up:
            ask(now, actions);
            break;
        case LoginState::asking:
        case LoginState::overdue:
            if (rules_->canary || now >= asked_at_ + rules_->give_up_us) {
                lose(now, LoginCause::timeout, actions);
            } else {
                state_ = LoginState::overdue;
                deadline_ = asked_at_ + rules_->give_up_us;
            }
            break;
        case LoginState::ended:
            break;
    }
    return actions;
}

LoginActions LoginSession::on_connected(int64_t now, const Endpoint& local) {
    LoginActions actions;
    if (state_ != LoginState::connecting) return actions;
    local_ = local;
    state_ = LoginState::logging_in;
    step_ = 0;
    matched_ = 0;
    tail_.clear();
    advance(now, actions);
    return actions;
}

LoginActions LoginSession::on_bytes(int64_t now, std::string_view bytes) {
    LoginActions actions;
    if (state_ == LoginState::logging_in) remember(bytes);
    while (state_ == LoginState::logging_in) {
        const auto taken = script_->find(step_, number_, bytes, matched_);
        if (!taken) return actions;
        bytes.remove_prefix(*taken);
        ++step_;
        advance(now, actions);
    }
    // What comes when no answer is awaited is not ours to judge: the app would handle it.
    if (state_ != LoginState::asking && state_ != LoginState::overdue) return actions;
    if (script_->find(script_->answer(), number_, bytes, matched_)) answer(now, actions);
    return actions;
}

LoginActions LoginSession::on_broken(int64_t now, LoginCause cause) {
    LoginActions actions;
    switch (state_) {
        case LoginState::connecting:
        case LoginState::logging_in:
            fail(now, cause, actions);
            break;
        case LoginState::up:
        case LoginState::asking:
        case LoginState::overdue:
            lose(now, cause, actions);
            break;
        default:
            break;
    }
    return actions;
}

LoginActions LoginSession::stop() {
    LoginActions actions;
    actions.close = true;
    state_ = LoginState::ended;
    deadline_ = never;
    return actions;
}

std::optional<int64_t> LoginSession::gap_since() const {
    if (gap_) return gap_->from_us;
    if (state_ == LoginState::overdue) return asked_at_;
    return std::nullopt;
}

void LoginSession::connect(int64_t now, LoginActions& actions) {
    actions.connect = true;
    state_ = LoginState::connecting;
    deadline_ = now + rules_->timeout_us;
    ++attempts_;
}

// Sends what the script has to send, up to the next answer to wait for.
void LoginSession::advance(int64_t now, LoginActions& actions) {
    for (; step_ < script_->steps() && !script_->expects(step_); ++step_) {
        actions.send += script_->bytes(step_, number_);
    }
    deadline_ = now + rules_->timeout_us;
    if (step_ == script_->steps()) accept(now, actions);
}

void LoginSession::accept(int64_t now, LoginActions& actions) {
    actions.accepted = true;
    state_ = LoginState::up;
    end_gap(now, actions);
    deadline_ = next_on_grid(now, rules_->heartbeat_us);
    if (rules_->canary) ask(now, actions);
}

void LoginSession::ask(int64_t now, LoginActions& actions) {
    actions.send += script_->bytes(script_->question(), number_);
    state_ = LoginState::asking;
    matched_ = 0;
    asked_at_ = now;
    deadline_ = now + std::min(rules_->timeout_us, rules_->give_up_us);
}

void LoginSession::answer(int64_t now, LoginActions& actions) {
    actions.answered = true;
    failures_ = 0;
    if (rules_->canary) {
        actions.close = true;
        state_ = LoginState::idle;
        deadline_ = next_on_grid(now, rules_->canary_us);
        return;
    }
    if (now - asked_at_ > rules_->timeout_us) {
        actions.gap = LoginGap{number_, local_, asked_at_, now, LoginCause::slow, false};
    }
    state_ = LoginState::up;
    deadline_ = next_on_grid(now, rules_->heartbeat_us);
}

void LoginSession::fail(int64_t now, LoginCause cause, LoginActions& actions) {
    actions.failed = cause;
    if (state_ == LoginState::connecting) {
        actions.failure = fmt::format("session {}: connecting: {}", number_, name(cause));
    } else {
        actions.failure = fmt::format(
            "session {}: step {} of {}: {}; expected {}, last received {}", number_, step_ + 1,
            script_->steps(), name(cause), hex(script_->bytes(step_, number_)),
            tail_.empty() ? "nothing" : hex(tail_));
    }
    retry(now, actions);
}

void LoginSession::lose(int64_t now, LoginCause cause, LoginActions& actions) {
    const bool unanswered = state_ != LoginState::up;
    cause = gap_cause(cause);
    actions.broke = cause;
    actions.failure = fmt::format("session {}: {}: {}", number_,
                                  unanswered ? "heartbeat not answered" : "logged in", name(cause));
    if (!rules_->canary) {
        gap_ = LoginGap{number_, local_, unanswered ? asked_at_ : now, 0, cause, true};
    }
    retry(now, actions);
}

void LoginSession::retry(int64_t now, LoginActions& actions) {
    actions.close = true;
    actions.send.clear();
    if (rules_->canary) {
        state_ = LoginState::idle;
        deadline_ = next_on_grid(now, rules_->canary_us);
    } else if (failures_++ == 0) {
        connect(now, actions);
    } else {
        state_ = LoginState::backing_off;
        deadline_ = now + backoff();
    }
}

void LoginSession::end_gap(int64_t now, LoginActions& actions) {
    if (!gap_) return;
    gap_->to_us = now;
    actions.gap = std::exchange(gap_, std::nullopt);
}

// The first point of the session's grid after now.
int64_t LoginSession::next_on_grid(int64_t now, int64_t interval_us) const {
    if (now < phase_us_) return phase_us_;
    return now + interval_us - (now - phase_us_) % interval_us;
}

// Doubles from the second try on; jitter takes away up to half, so that thousands of clients that
// broke together do not come back together.
int64_t LoginSession::backoff() const {
    const uint32_t doublings = std::min(failures_ - 2, 30u);
    const int64_t whole = std::min(rules_->backoff_first_us << doublings, rules_->backoff_max_us);
    const uint64_t random = mix((uint64_t{number_} << 32) + attempts_);
    return whole - static_cast<int64_t>(random % static_cast<uint64_t>(whole / 2 + 1));
}

void LoginSession::remember(std::string_view bytes) {
    tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), tail_limit));
    if (tail_.size() > tail_limit) tail_.erase(0, tail_.size() - tail_limit);
}

}  // namespace rehome::cutover
