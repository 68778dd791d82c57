#include "cutover/adapter/guard_sampler.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>

namespace rehome::cutover {

void GuardSampler::begin(size_t place, const Guard& guard) {
    sigset_t every;
    sigset_t before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    threads_.emplace_back(
        [this, place, &guard](const std::stop_token& end) { sample(end, place, guard); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void GuardSampler::sample(const std::stop_token& end, size_t place, const Guard& guard) {
    const Step& step = guard.step;
    const auto limit = std::chrono::duration_cast<Milliseconds>(step.timeout);
    Hand& hand = hands_.at(step.host);
    while (!end.stop_requested()) {
        const auto began = std::chrono::steady_clock::now();
        auto answer = hand.look(step.gate.sample.command, limit);
        std::unique_lock lock(mutex_);
        samples_.push_back({place, std::move(answer), now_us(), monotonic_us()});
        ended_.wait_until(lock, end, began + step.gate.every, [] { return false; });
    }
}

std::vector<GuardSample> GuardSampler::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(samples_, {});
}

}  // namespace rehome::cutover
