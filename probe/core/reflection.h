// What a stateless STAMP reflector does with a packet (RFC 8762 section 4.3): answer it, or refuse
// it for a reason that has a name and a counter.
//
// It can be no part of a storm: an answer is as long as the request, goes to the one who is named
// as its sender, never to another reflector's port, never for a packet to a broadcast or multicast
// address, and no more than so many a second.  Pure; not thread-safe.
#pragma once

#include <array>

#include "probe/core/stamp.h"

namespace rehome::probe {

enum class Reflection { answered, truncated, from_reflector, not_to_us, over_rate, not_sent };
constexpr size_t reflections = 6;

std::string_view name(Reflection reflection);

// A bucket of tokens that fills with the rate and holds a tenth of a second's worth, at least one.
class RateLimit {
public:
    explicit RateLimit(double rate_pps);
    bool take(Nanos now);  // now: monotonic

private:
    double rate_pps_;
    double most_;
    double tokens_;
    Nanos last_ = 0;
    bool started_ = false;
};

struct Received {
    ByteView message;
    uint16_t source_port = 0;
    bool cut = false;            // longer than what was kept of it
    bool to_our_address = true;  // false: to a broadcast or multicast address
    uint8_t ttl = 0;
    Nanos at = 0;
};

class Reflector {
public:
    Reflector(uint16_t own_port, double most_pps, uint16_t error_estimate)
        : own_port_(own_port), error_(error_estimate), limit_(most_pps) {}

    // Whether to answer; counts it.  monotonic: for the rate.
    Reflection decide(const Received& received, Nanos monotonic);

    // An answer that decide allowed could not be sent after all.
    void count_send_failure();

    // The answer, when decide said answered.  now: the time that stands in it as that of sending.
    size_t construct(const Received& received, Nanos now, Room room) const;

    const std::array<uint64_t, reflections>& counters() const { return counters_; }

private:
    Reflection judge(const Received& received, Nanos monotonic);

    uint16_t own_port_;
    uint16_t error_;
    RateLimit limit_;
    std::array<uint64_t, reflections> counters_{};
};

}  // namespace rehome::probe
