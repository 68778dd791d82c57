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
    excused_ = false;
    bad_in_row_ = reading.verdict == Verdict::good ? 0 : bad_in_row_ + 1;
    good_at_us_ = reading.verdict == Verdict::good ? sample.monotonic_us : good_at_us_;
    broken_ = broken_ || bad_in_row_ > bad_at_most || reading.verdict == Verdict::fatal;
    return reading;
}

void GuardWatch::excuse() {
    excused_ = true;
    broken_ = false;
    bad_in_row_ = 0;
}

double GuardWatch::blind_s(int64_t monotonic_us) const {
    return static_cast<double>(monotonic_us - told_at_us_) / 1e6;
}

bool GuardWatch::good_since(int64_t monotonic_us) const {
    return only_reports_ || excused_ || good_at_us_ >= monotonic_us;
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
    return blind && !excused_ ? State::blind : State::holds;
}

}  // namespace rehome::cutover
