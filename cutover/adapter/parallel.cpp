#include "cutover/adapter/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace rehome::cutover {

void for_all(size_t count, size_t at_once, const std::function<void(size_t)>& look) {
    std::atomic<size_t> next{0};
    const auto work = [&] {
        for (size_t i = next++; i < count; i = next++) {
            look(i);
        }
    };
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min(count, at_once); ++i) {
        threads.emplace_back(work);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace rehome::cutover
