#include "vipd/health/judge.h"

#include <algorithm>
#include <limits>
#include <set>

namespace rehome::vipd {

std::optional<bool> RiseFall::add(bool ok) {
    in_a_row_ = ok == last_ ? std::min(in_a_row_ + 1, std::max(rise_, fall_)) : 1;
    last_ = ok;
    const bool enough = ok && !looks_up_ ? true : in_a_row_ >= (ok ? rise_ : fall_);
    if (!enough || looks_up_ == ok) {
        return std::nullopt;
    }
    looks_up_ = ok;
    return ok;
}

void HealthJudge::set(const CheckPlan& plan) {
    std::set<uint32_t> ids;
    for (const CheckedEndpoint& endpoint : plan.endpoints) {
        ids.insert(endpoint.id);
    }
    std::map<std::string, Known> gone;
    for (const auto& [id, known] : endpoints_) {
        if (!ids.contains(id)) {
            gone.emplace(known.where, known);
        }
    }
    window_ = 0;
    for (const CheckedEndpoint& endpoint : plan.endpoints) {
        const HealthConfig& how = endpoint.how;
        const auto [place, fresh] = endpoints_.try_emplace(endpoint.id);
        Known& known = place->second;
        if (const auto before = gone.find(endpoint.text()); fresh && before != gone.end()) {
            known = before->second;
            known.looks_up.reset();
            known.verdict.kept_up = false;
        }
        known.where = endpoint.text();
        known.interval = Micros{how.interval_ms} * 1000;
        // Checks that begin to fail together are noticed within an interval, as jitter and
        // timeouts stretch it.
        const Micros stretched = known.interval * (100 + how.fall * how.jitter_percent) / 100;
        window_ = std::max(window_, stretched + Micros{how.timeout_ms} * 1000);
    }
    changed_ =
        std::erase_if(endpoints_, [&](const auto& one) { return !ids.contains(one.first); }) > 0 ||
        changed_;
}

void HealthJudge::looks(uint32_t id, bool up, const std::string& why, Micros now) {
    const auto found = endpoints_.find(id);
    if (found == endpoints_.end()) {
        return;
    }
    Known& known = found->second;
    known.looks_up = up;
    known.looks_since = now;
    give_reason(known.verdict, up ? std::string() : why, now);
    changed_ = true;
    if (!up && !keeps_) {
        begin_to_keep(now);
    }
    judge(known, now);
}

void HealthJudge::still_down(uint32_t id, const std::string& why, Micros now) {
    const auto found = endpoints_.find(id);
    if (found != endpoints_.end() && found->second.looks_up == false &&
        found->second.verdict.why != why) {
        give_reason(found->second.verdict, why, now);
        other_reasons_ = true;
    }
}

void HealthJudge::give_reason(Verdict& verdict, const std::string& why, Micros now) {
    verdict.why = why;
    verdict.why_since = why.empty() ? 0 : now;
}

// The one that just began to look down is not judged yet.
void HealthJudge::begin_to_keep(Micros now) {
    const auto recent = [&](const Known& known) {
        return known.looks_up == false && now - known.looks_since <= window_;
    };
    const auto count = static_cast<size_t>(std::count_if(
        endpoints_.begin(), endpoints_.end(), [&](const auto& one) { return recent(one.second); }));
    if (endpoints_.size() < fewest || 2 * count <= endpoints_.size()) {
        return;
    }
    keeps_ = true;
    ends_at_ = 0;
    for (auto& [id, known] : endpoints_) {
        Verdict& verdict = known.verdict;
        if (!recent(known)) {
            continue;
        }
        if (verdict.state == Verdict::State::down && verdict.since >= known.looks_since) {
            verdict.state = known.before;
            verdict.since = known.before_since;
            verdict.held_until = 0;
            known.last_hold = known.before_hold;
        }
        verdict.kept_up = verdict.state != Verdict::State::down;
    }
}

void HealthJudge::judge(Known& known, Micros now) {
    Verdict& verdict = known.verdict;
    if (!known.looks_up) {
        return;
    }
    if (!*known.looks_up) {
        if (verdict.state == Verdict::State::down) {
            return;
        }
        verdict.kept_up = keeps_;
        if (!keeps_) {
            go_down(known, now);
        }
        return;
    }
    verdict.kept_up = false;
    if (verdict.state == Verdict::State::up ||
        (verdict.state == Verdict::State::down && now < verdict.held_until)) {
        return;
    }
    known.came_back = known.came_back || verdict.state == Verdict::State::down;
    known.up_since = now;
    verdict = {Verdict::State::up, false, now, 0, {}, 0};
}

void HealthJudge::go_down(Known& known, Micros now) {
    Verdict& verdict = known.verdict;
    known.before = verdict.state;
    known.before_since = verdict.since;
    known.before_hold = known.last_hold;
    const Micros stable = std::max(stable_intervals * known.interval, known.last_hold);
    const bool flaps = known.came_back && now - known.up_since < stable;
    const Micros first = std::min(first_hold_intervals * known.interval, longest_hold);
    known.last_hold = !flaps                 ? 0
                      : known.last_hold == 0 ? first
                                             : std::min(2 * known.last_hold, longest_hold);
    verdict.state = Verdict::State::down;
    verdict.kept_up = false;
    verdict.since = now;
    verdict.held_until = flaps ? now + known.last_hold : 0;
}

bool HealthJudge::advance(Micros now) {
    if (keeps_) {
        const bool few = 2 * look_down() <= endpoints_.size() || endpoints_.size() < fewest;
        ends_at_ = !few ? 0 : ends_at_ == 0 ? now + window_ : ends_at_;
        if (few && now >= ends_at_) {
            keeps_ = false;
            changed_ = true;
            for (auto& [id, known] : endpoints_) {
                judge(known, now);
            }
        }
    }
    for (auto& [id, known] : endpoints_) {
        const bool held = known.verdict.held_until != 0;
        if (held && known.looks_up == true && now >= known.verdict.held_until) {
            judge(known, now);
            changed_ = true;
        }
    }
    if (!changed_ && (!other_reasons_ || now - reasons_told_ < reasons_every)) {
        return false;
    }
    reasons_told_ = now;
    changed_ = other_reasons_ = false;
    return true;
}

Micros HealthJudge::next_event() const {
    Micros next = keeps_ && ends_at_ != 0 ? ends_at_ : std::numeric_limits<Micros>::max();
    next = other_reasons_ ? std::min(next, reasons_told_ + reasons_every) : next;
    for (const auto& [id, known] : endpoints_) {
        if (known.verdict.held_until != 0 && known.looks_up == true) {
            next = std::min(next, known.verdict.held_until);
        }
    }
    return next;
}

const HealthJudge::Verdict* HealthJudge::of(uint32_t id) const {
    const auto found = endpoints_.find(id);
    return found == endpoints_.end() ? nullptr : &found->second.verdict;
}

size_t HealthJudge::look_down() const {
    return static_cast<size_t>(
        std::count_if(endpoints_.begin(), endpoints_.end(),
                      [](const auto& one) { return one.second.looks_up == false; }));
}

}  // namespace rehome::vipd
