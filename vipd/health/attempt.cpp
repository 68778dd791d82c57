#include "vipd/health/attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace rehome::vipd {

CheckScript::CheckScript(const HealthConfig& how) {
    for (const ScriptStep& step : how.steps) {
        steps_.push_back({step.kind == ScriptStep::Kind::expect, BytePattern(step.bytes.value)});
    }
}

Attempt::Next Attempt::on_connected() {
    connected_ = true;
    return go_on();
}

Attempt::Next Attempt::on_bytes(std::string_view bytes) {
    tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), tail_max));
    tail_.erase(0, tail_.size() - std::min(tail_.size(), tail_max));
    Next next;
    while (step_ < script_->size() && script_->expects(step_)) {
        const auto taken = script_->pattern(step_).find(bytes, matched_);
        if (!taken) {
            return next;
        }
        bytes.remove_prefix(*taken);
        ++step_;
        Next more = go_on();
        next.send += more.send;
        next.ended = std::move(more.ended);
    }
    return next;
}

// Up to the next answer to wait for.
Attempt::Next Attempt::go_on() {
    Next next;
    for (; step_ < script_->size() && !script_->expects(step_); ++step_) {
        next.send += script_->pattern(step_).bytes();
    }
    if (step_ == script_->size()) {
        next.ended = CheckResult{true, {}};
    }
    return next;
}

CheckResult Attempt::on_timeout() const {
    return failed(connected_ ? "no answer in time" : "no connection in time");
}

CheckResult Attempt::failed(std::string_view what) const {
    if (!connected_ || step_ >= script_->size()) {
        return {false, std::string(what)};
    }
    return {false, fmt::format("{} at step {} of {}, expected {}, last came {}", what, step_ + 1,
                               script_->size(), in_quotes(script_->pattern(step_).bytes()),
                               tail_.empty() ? "nothing" : in_quotes(tail_))};
}

}  // namespace rehome::vipd
