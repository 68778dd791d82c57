// What lies between a thread that checks and the others: what is to be checked, and what was found.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vipd/adapter/event.h"
#include "vipd/health/endpoints.h"

namespace rehome::vipd {

// How an endpoint looks from now on.
struct CheckNews {
    // still_down: for another reason than was said.  as_before: checks run again, and find what
    // they had found.
    enum class Looks : uint8_t { up, down, still_down, not_run, as_before } looks = Looks::up;
    uint32_t id = 0;
    std::string why;  // down, still_down, not_run
};

struct CheckCounts {
    uint64_t run = 0, failed = 0;
    uint64_t not_run = 0;  // that this host itself could not begin
};

class CheckDesk {
public:
    bool there() const { return wake_.there() && told_.there(); }

    // Any thread may call these.
    void set(std::vector<CheckedEndpoint> endpoints) {
        {
            const std::lock_guard lock(mutex_);
            endpoints_ = std::move(endpoints);
        }
        wake_.signal();
    }
    std::vector<CheckNews> take() {
        told_.drain();
        const std::lock_guard lock(mutex_);
        return std::exchange(news_, {});
    }
    int told_fd() const { return told_.fd(); }  // readable: take()
    CheckCounts counts() const {
        return {run_.load(std::memory_order_relaxed), failed_.load(std::memory_order_relaxed),
                not_run_.load(std::memory_order_relaxed)};
    }
    void stop() {
        stopping_ = true;
        wake_.signal();
    }

    // The checking thread's.
    bool stopping() const { return stopping_; }
    int wake_fd() const { return wake_.fd(); }  // readable: fresh()
    // What is to be checked from now on; nothing: as before.
    std::optional<std::vector<CheckedEndpoint>> fresh() {
        wake_.drain();
        const std::lock_guard lock(mutex_);
        return std::exchange(endpoints_, std::nullopt);
    }
    void say(CheckNews news) {
        const std::lock_guard lock(mutex_);
        news_.push_back(std::move(news));
    }
    void tell() { told_.signal(); }  // that something was said
    void count(bool ok) {
        run_.fetch_add(1, std::memory_order_relaxed);
        failed_.fetch_add(ok ? 0 : 1, std::memory_order_relaxed);
    }
    void count_not_run() { not_run_.fetch_add(1, std::memory_order_relaxed); }

private:
    Event wake_, told_;
    std::mutex mutex_;
    std::optional<std::vector<CheckedEndpoint>> endpoints_;  // to be taken over
    std::vector<CheckNews> news_;
    std::atomic<bool> stopping_ = false;
    std::atomic<uint64_t> run_ = 0, failed_ = 0, not_run_ = 0;
};

}  // namespace rehome::vipd
