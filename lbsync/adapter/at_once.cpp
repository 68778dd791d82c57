#include "lbsync/adapter/at_once.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace rehome::lbsync {

namespace {

// "reading: 12 of 84", at most five times a second, from the second half second on.
class Progress {
public:
    Progress(std::string_view what, size_t all) : what_(what), all_(all) {
        if (isatty(STDERR_FILENO) != 0) {
            thread_ = std::thread([this] { show(); });
        }
    }

    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    ~Progress() {
        if (thread_.joinable()) {
            {
                const std::lock_guard lock(mutex_);
                over_ = true;
            }
            ended_.notify_one();
            thread_.join();
        }
    }

    void one_more() { ++done_; }

private:
    void show() {
        using std::chrono::milliseconds;
        const auto over = [this] { return over_; };
        std::unique_lock lock(mutex_);
        bool shown = false;
        milliseconds pause(500);
        while (!ended_.wait_for(lock, pause, over)) {
            std::fprintf(stderr, "\r%.*s: %zu of %zu", static_cast<int>(what_.size()), what_.data(),
                         done_.load(), all_);
            shown = true;
            pause = milliseconds(200);
        }
        if (shown) {
            std::fputs("\r\x1b[K", stderr);
        }
    }

    std::string_view what_;
    size_t all_;
    std::atomic<size_t> done_ = 0;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

}  // namespace

void run_at_once(const std::vector<Task>& tasks, unsigned limit, std::string_view what) {
    Progress progress(what, tasks.size());
    std::atomic<size_t> next = 0;
    const auto work = [&] {
        for (size_t i = next++; i < tasks.size(); i = next++) {
            tasks[i]();
            progress.one_more();
        }
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < std::min<size_t>(limit, tasks.size()); ++i) {
        threads.emplace_back(work);
    }
    work();
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace rehome::lbsync
