// Guards' samples, taken by a thread each, so that a long act does not keep them waiting.
//
// begin() and take() are the runner's thread's.  A thread takes no signals.  The object's end waits
// for a command that runs, which its timeout_s bounds.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "cutover/adapter/hand/hands.h"
#include "cutover/run/guard.h"

namespace rehome::cutover {

class GuardSampler {
public:
    explicit GuardSampler(Hands& hands) : hands_(hands) {}

    // The guard must outlive the object.
    void begin(size_t place, const Guard& guard);

    // What has come since it was asked last.
    std::vector<GuardSample> take();

private:
    void sample(const std::stop_token& end, size_t place, const Guard& guard);

    Hands& hands_;
    std::mutex mutex_;
    std::condition_variable_any ended_;
    std::vector<GuardSample> samples_;
    std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace rehome::cutover
