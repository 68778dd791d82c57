// See series.h.
#include "probe/core/series.h"

#include <algorithm>
#include <utility>

namespace rehome::probe {

Series Series::restored(std::vector<Sample> samples, Tally tally, uint32_t bound_to,
                        Nanos repeats_after) {
    Series series(0, bound_to, repeats_after);
    series.samples_ = std::move(samples);
    series.tally_ = std::move(tally);
    std::vector<Sample*> arrived;
    for (Sample& sample : series.samples_) {
        if (sample.order != 0) {
            arrived.push_back(&sample);
        }
    }
    const auto earlier = [](const Sample* a, const Sample* b) { return a->order < b->order; };
    if (!std::is_sorted(arrived.begin(), arrived.end(), earlier)) {
        std::stable_sort(arrived.begin(), arrived.end(), earlier);
    }
    for (Sample* sample : arrived) {
        sample->order = ++series.arrivals_;
    }
    return series;
}

Sample& Series::change(uint32_t index) {
    if (index < taken_) {
        changed_.push_back(index);
    }
    return samples_[index];
}

std::vector<uint32_t> Series::take_changes(size_t most) {
    std::sort(changed_.begin(), changed_.end());
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    const auto end = changed_.begin() + static_cast<ptrdiff_t>(std::min(most, changed_.size()));
    std::vector<uint32_t> changes(changed_.begin(), end);
    changed_.erase(changed_.begin(), end);
    for (; taken_ < samples_.size() && changes.size() < most; ++taken_) {
        changes.push_back(taken_);
    }
    return changes;
}

// What is known first stays: an error report may follow a failed call for the same packet.
void Series::unsent(uint32_t index, Unsent how, const std::string& why) {
    if (index >= samples_.size() || samples_[index].unsent != Unsent::no) {
        return;
    }
    change(index).unsent = how;
    if (how == Unsent::too_big) {
        tally_.too_big = tally_.too_big.empty() ? why : tally_.too_big;
    } else if (how != Unsent::no_way_out) {
        tally_.send_error = why;
    } else if (tally_.no_way_out.empty()) {
        tally_.no_way_out = why;
    }
}

void Series::unreflected(uint32_t index) {
    if (index < samples_.size() && !samples_[index].unreflected) {
        change(index).unreflected = true;
    }
}

void Series::too_big(const std::string& why) {
    tally_.too_big = why;
}

void Series::stamped(uint32_t index, Nanos when, uint32_t interface) {
    if (index < samples_.size()) {
        Sample& sample = change(index);
        sample.stamped = when;
        sample.out = interface;
    }
}

bool Series::answered(const Answer& answer, Nanos when, bool by_kernel, uint32_t interface) {
    mirrors_.take(answer);
    if (answer.index >= samples_.size()) {
        return false;
    }
    Sample& sample = change(answer.index);
    const bool repeated = is_repeated(when - sample.departed());
    if (sample.order != 0) {
        tally_.duplicates += repeated ? 0 : 1;
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
    tally_.received_unstamped += by_kernel ? 0 : 1;
    return true;
}

void Series::captured(const Answer& answer, Nanos when, uint32_t interface, uint8_t ttl) {
    if (answer.index < samples_.size() && samples_[answer.index].order == 0) {
        mirrors_.take(answer);  // the socket may not be given it, and it did come back
    }
    if (answer.index >= samples_.size() || samples_[answer.index].captured != never) {
        return;
    }
    Sample& sample = change(answer.index);
    sample.captured = when;
    sample.ttl = ttl;
    if (sample.order == 0) {
        sample.in = interface;
    }
}

void Series::skipped(uint32_t slots, Nanos behind) {
    tally_.skipped += slots;
    tally_.longest_pause = std::max(tally_.longest_pause, behind);
}

// Other traffic that a capture overhears is nobody's fault; what was damaged may be ours.
void Series::refused(Refusal refusal) {
    const bool damaged = refusal == Refusal::truncated || refusal == Refusal::wrong_checksum;
    tally_.damaged += damaged ? 1 : 0;
    tally_.unauthentic += refusal == Refusal::unauthentic ? 1 : 0;
    if (refusal == Refusal::not_asked) {
        mirrors_.take_not_asked();
    }
}

}  // namespace rehome::probe
