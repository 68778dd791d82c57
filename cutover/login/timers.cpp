#include "cutover/login/timers.h"

#include <utility>

namespace rehome::cutover {

void LoginTimers::set(uint32_t index, int64_t time) {
    const int64_t before = std::exchange(at_[index], time);
    const uint32_t place = place_[index];
    if (place == nowhere) {
        if (time == never) return;
        heap_.push_back(index);
        rise(heap_.size() - 1);
    } else if (time == never) {
        const uint32_t last = heap_.back();
        heap_.pop_back();
        place_[index] = nowhere;
        if (last == index) return;
        put(place, last);
        rise(place);
        sink(place_[last]);
    } else if (time < before) {
        rise(place);
    } else if (time > before) {
        sink(place);
    }
}

std::optional<uint32_t> LoginTimers::take_due(int64_t now) {
    if (next() > now || heap_.empty()) return std::nullopt;
    const uint32_t index = heap_.front();
    set(index, never);
    return index;
}

void LoginTimers::put(size_t place, uint32_t index) {
    heap_[place] = index;
    place_[index] = static_cast<uint32_t>(place);
}

void LoginTimers::rise(size_t place) {
    const uint32_t index = heap_[place];
    while (place > 0) {
        const size_t parent = (place - 1) / 2;
        if (at_[heap_[parent]] <= at_[index]) break;
        put(place, heap_[parent]);
        place = parent;
    }
    put(place, index);
}

void LoginTimers::sink(size_t place) {
    const uint32_t index = heap_[place];
    for (size_t child = 2 * place + 1; child < heap_.size(); child = 2 * place + 1) {
        if (child + 1 < heap_.size() && at_[heap_[child + 1]] < at_[heap_[child]]) ++child;
        if (at_[heap_[child]] >= at_[index]) break;
        put(place, heap_[child]);
        place = child;
    }
    put(place, index);
}

}  // namespace rehome::cutover
