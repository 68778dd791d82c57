#include "cutover/run/guard.h"

namespace rehome::cutover {

namespace {

constexpr unsigned bad_at_most = 1;

}  // namespace

void GuardWatch::enter(const std::string& stage) {
    if (stage == stage_) {
        return;
    }
    stage_ = stage;
    only_reports_ = guard_->not_in.contains(stage);
    broken_ = false;
    excused_ = excused_ == State::broken ? State::holds : excused_;
    bad_in_row_ = 0;
    gate_.count_anew();
}

Reading GuardWatch::take(const GuardSample& sample) {
    Reading reading = gate_.take(sample.answer, sample.at, sample.monotonic_us);
    if (reading.seen_before) {
        return reading;
    }
    why_ = broken_ ? why_ : reading.why;
    if (reading.verdict == Verdict::cannot_tell) {
        return reading;
    }
    told_at_us_ = sample.monotonic_us;
    const bool good = reading.verdict == Verdict::good;
    excused_ = good || excused_ == State::blind ? State::holds : excused_;
    bad_in_row_ = good ? 0 : bad_in_row_ + 1;
    good_at_us_ = good ? sample.monotonic_us : good_at_us_;
    const bool breaks = bad_in_row_ > bad_at_most || reading.verdict == Verdict::fatal;
    broken_ = broken_ || (breaks && excused_ != State::broken);
    return reading;
}

void GuardWatch::excuse() {
    excused_ = broken_ ? State::broken : State::blind;
    broken_ = false;
    bad_in_row_ = 0;
}

double GuardWatch::blind_s(int64_t monotonic_us) const {
    return static_cast<double>(monotonic_us - told_at_us_) / 1e6;
}

bool GuardWatch::good_since(int64_t monotonic_us) const {
    return only_reports_ || excused_ != State::holds || good_at_us_ >= monotonic_us;
}

GuardWatch::State GuardWatch::state(int64_t monotonic_us) const {
    const Gate& gate = guard_->step.gate;
    if (only_reports_) {
        return State::holds;
    }
    if (broken_) {
        return State::broken;
    }
    const bool blind = blind_s(monotonic_us) > (gate.every + gate.sample.max_age).count();
    return blind && excused_ == State::holds ? State::blind : State::holds;
}

}  // namespace rehome::cutover
