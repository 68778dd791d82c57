// What happened to each probe of one flow, in the order of sending.
//
// The adapter reports what it sees (sent, could not be sent, stamped by the kernel, answered); a
// sample keeps the times.  What becomes of them is summary.h's business.  Pure; not
// thread-safe.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

constexpr Nanos never = 0;

struct Sample {
    Nanos sent = never;       // CLOCK_REALTIME, read by the program just before the send call
    Nanos stamped = never;    // when the kernel gave it to the device's driver, if it said so
    Nanos received = never;   // when the kernel got the first answer from the driver
    Nanos reflector = never;  // how long the STAMP reflector held it
    Nanos behind = 0;         // how much later than due it was sent
    uint32_t order = 0;       // of arrival, from 1; 0: none arrived
    bool send_failed = false;
    bool refused = false;

    Nanos departed() const { return stamped != never ? stamped : sent; }
    Nanos round_trip() const { return received - departed(); }
};

class Series {
public:
    explicit Series(uint32_t expected_count) { samples_.reserve(expected_count); }

    uint32_t next_index() const { return static_cast<uint32_t>(samples_.size()); }

    void sent(Nanos now, Nanos behind) { samples_.push_back({.sent = now, .behind = behind}); }
    void send_failed(uint32_t index, int error);
    void stamped(uint32_t index, Nanos when);

    // when: of the kernel; false in by_kernel says that only the program's reading was to be had.
    // False when the answer names a probe that was never sent.
    bool answered(const Answer& answer, Nanos when, bool by_kernel);

    void refused(Refusal refusal);
    void icmp_error(const std::string& what) { icmp_error_ = what, ++icmp_errors_; }

    const std::vector<Sample>& samples() const { return samples_; }
    uint32_t answered_count() const { return arrivals_; }
    uint32_t duplicates() const { return duplicates_; }
    uint32_t damaged() const { return damaged_; }
    uint32_t received_unstamped() const { return received_unstamped_; }
    uint32_t icmp_errors() const { return icmp_errors_; }
    const std::string& last_icmp_error() const { return icmp_error_; }
    int last_send_error() const { return send_error_; }

private:
    std::vector<Sample> samples_;
    uint32_t arrivals_ = 0;
    uint32_t duplicates_ = 0;
    uint32_t damaged_ = 0;
    uint32_t received_unstamped_ = 0;
    uint32_t icmp_errors_ = 0;
    std::string icmp_error_;
    int send_error_ = 0;
};

}  // namespace rehome::probe
