// See series.h.
#include "probe/core/series.h"

#include <algorithm>

namespace rehome::probe {

// What is known first stays: an error report may follow a failed call for the same packet.
void Series::unsent(uint32_t index, Unsent how, const std::string& why) {
    if (index >= samples_.size() || samples_[index].unsent != Unsent::no) {
        return;
    }
    samples_[index].unsent = how;
    if (how != Unsent::no_way_out) {
        send_error_ = why;
    } else if (no_way_out_.empty()) {
        no_way_out_ = why;
    }
}

void Series::stamped(uint32_t index, Nanos when, uint32_t interface) {
    if (index < samples_.size()) {
        samples_[index].stamped = when;
        samples_[index].out = interface;
    }
}

bool Series::answered(const Answer& answer, Nanos when, bool by_kernel, uint32_t interface) {
    if (answer.index >= samples_.size()) {
        return false;
    }
    Sample& sample = samples_[answer.index];
    const bool repeated = is_repeated(when - sample.departed());
    if (sample.order != 0) {
        duplicates_ += repeated ? 0 : 1;
        sample.duplicated = sample.duplicated || !repeated;
        return true;
    }
    sample.repeated = repeated;
    sample.order = ++arrivals_;
    sample.received = when;
    sample.in = interface;
    sample.refused = answer.refused;
    sample.half_open = answer.half_open;
    if (answer.reflector) {
        sample.reflector = answer.reflector->sent - answer.reflector->received;
    }
    received_unstamped_ += by_kernel ? 0 : 1;
    return true;
}

void Series::captured(const Answer& answer, Nanos when, uint32_t interface) {
    if (answer.index >= samples_.size() || samples_[answer.index].captured != never) {
        return;
    }
    Sample& sample = samples_[answer.index];
    sample.captured = when;
    if (sample.order == 0) {
        sample.in = interface;
    }
}

void Series::skipped(uint32_t slots, Nanos behind) {
    skipped_ += slots;
    longest_pause_ = std::max(longest_pause_, behind);
}

// Other traffic that a capture overhears is nobody's fault; what was damaged may be ours.
void Series::refused(Refusal refusal) {
    damaged_ += refusal == Refusal::not_ours ? 0 : 1;
}

}  // namespace rehome::probe
