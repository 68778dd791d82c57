// Resets that are paced: how many are due, and those that are said again.
//
// A reset counts only with exactly the number that its receiver expects next (RFC 5961 3.2).  The
// datapath has followed both ends, so the first try is usually right; where a segment was lost on
// the way the receiver answers with a challenge ACK that shows its number, and the datapath answers
// that with a reset that fits.  The reset itself may be lost too: it is repeated after 0.25 s and 1
// s.
//
// One worker's own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "vipd/flow/flow.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

// One worker among those that share a rate.
struct InTurn {
    uint32_t worker = 0, workers = 1;
};

// A worker's part of so many a second; a pause is made up for by no burst longer than a tenth of a
// second's.  Workers that begin at once go on in turns, not all at the same time.
class Pacing {
public:
    void start(double rate_of_all_per_s, Micros now, const InTurn& turn) {
        rate_per_s_ = rate_of_all_per_s / turn.workers;
        credit_ = 1 - static_cast<double>(turn.worker) / turn.workers;
        last_ = now;
    }
    void pass(Micros now) {
        credit_ += rate_per_s_ * static_cast<double>(now - last_) / 1e6;
        credit_ = std::min(credit_, std::max(1.0, rate_per_s_ / 10));
        last_ = now;
    }
    bool due() const { return credit_ >= 1; }
    void take() { credit_ -= 1; }

private:
    double rate_per_s_ = 0, credit_ = 0;
    Micros last_ = 0;
};

class Repeats {
public:
    void add(const FlowKey& key, Micros now) { first_.push_back({now + first_after, key}); }

    // Calls again(key) for each that is due, which says whether it still holds.
    template <typename Again>
    void tick(Micros now, Again again) {
        for (auto* queue : {&first_, &last_}) {
            while (!queue->empty() && queue->front().due <= now) {
                const Repeat due = queue->front();
                queue->pop_front();
                if (again(due.key) && queue == &first_) {
                    last_.push_back({now + last_after, due.key});
                }
            }
        }
    }
    bool empty() const { return first_.empty() && last_.empty(); }

private:
    static constexpr Micros first_after = 250'000;
    static constexpr Micros last_after = 750'000;  // behind that

    struct Repeat {
        Micros due;
        FlowKey key;
    };
    std::deque<Repeat> first_, last_;
};

}  // namespace rehome::vipd
