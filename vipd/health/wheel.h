// Alarms for thousands of checks at a constant cost each: a hashed timer wheel (Varghese and Lauck:
// Hashed and hierarchical timing wheels, 1987).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vipd/packet/micros.h"

namespace rehome::vipd {

class TimerWheel {
public:
    static constexpr Micros tick = 20'000;  // an alarm rings up to so much late, and never early
    static constexpr size_t slots = 1024;

    struct Alarm {
        uint64_t tick = 0;
        uint32_t id = 0;
        uint32_t stamp = 0;  // the setter's: by which it knows an alarm that it has given up
    };

    explicit TimerWheel(Micros now) : at_(ticks(now)) {}

    void set(Micros when, uint32_t id, uint32_t stamp);
    // Takes what is due out, the earliest tick first.
    void take_due(Micros now, std::vector<Alarm>& due);
    bool empty() const { return count_ == 0; }
    // No alarm rings before; it costs a look at the slots up to the next one that is not empty.
    Micros next() const;

private:
    static uint64_t ticks(Micros time) { return static_cast<uint64_t>((time + tick - 1) / tick); }

    std::array<std::vector<Alarm>, slots> slots_;
    uint64_t at_ = 0;  // all before have been taken
    size_t count_ = 0;
};

}  // namespace rehome::vipd
