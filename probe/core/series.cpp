// See series.h.
#include "probe/core/series.h"

namespace rehome::probe {

void Series::send_failed(uint32_t index, int error) {
    samples_.at(index).send_failed = true;
    send_error_ = error;
}

void Series::stamped(uint32_t index, Nanos when) {
    if (index < samples_.size()) {
        samples_[index].stamped = when;
    }
}

bool Series::answered(const Answer& answer, Nanos when, bool by_kernel) {
    if (answer.index >= samples_.size()) {
        return false;
    }
    Sample& sample = samples_[answer.index];
    if (sample.order != 0) {
        ++duplicates_;
        return true;
    }
    sample.order = ++arrivals_;
    sample.received = when;
    sample.refused = answer.refused;
    if (answer.reflector) {
        sample.reflector = answer.reflector->sent - answer.reflector->received;
    }
    received_unstamped_ += by_kernel ? 0 : 1;
    return true;
}

// Other traffic that a raw socket overhears is nobody's fault; what was damaged may be ours.
void Series::refused(Refusal refusal) {
    damaged_ += refusal == Refusal::not_ours ? 0 : 1;
}

}  // namespace rehome::probe
