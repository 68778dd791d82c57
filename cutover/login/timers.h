// One alarm a session, thousands of sessions: an indexed binary heap.  Setting, moving and removing
// an alarm cost O(log n); the next one is known at once, so that nobody ever looks through all
// sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace rehome::cutover {

constexpr int64_t never = std::numeric_limits<int64_t>::max();

class LoginTimers {
public:
    explicit LoginTimers(size_t count) : at_(count, never), place_(count, nowhere) {}

    void set(uint32_t index, int64_t time);  // replaces the index's alarm; never: removes it
    int64_t next() const { return heap_.empty() ? never : at_[heap_.front()]; }

    // Takes out the earliest alarm that is due.
    std::optional<uint32_t> take_due(int64_t now);

private:
    static constexpr uint32_t nowhere = std::numeric_limits<uint32_t>::max();

    void put(size_t place, uint32_t index);
    void rise(size_t place);
    void sink(size_t place);

    std::vector<int64_t> at_;      // by index
    std::vector<uint32_t> place_;  // by index: where it stands in the heap
    std::vector<uint32_t> heap_;   // indices; a parent is never later than its children
};

}  // namespace rehome::cutover
