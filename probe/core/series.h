// What happened to each probe of one flow, in the order of sending.
//
// The adapter reports what it sees (sent, could not be sent, stamped by the kernel, answered); a
// sample keeps the times.  What becomes of them is summary.h's business.  Pure; not
// thread-safe.
#pragma once

#include "probe/core/directions.h"

namespace rehome::probe {

constexpr Nanos never = 0;

// Why a probe did not leave this host: the kernel knows no way to the target, a packet filter of
// this host took it, there was no room for it (queues, memory), or it was larger than the way's MTU
// (that of this host's link, or of a router's behind it, which dropped it).
enum class Unsent : uint8_t { no, no_way_out, filtered, no_room, too_big };

struct Sample {
    Nanos sent = never;       // CLOCK_REALTIME, read by the program just before the send call
    Nanos stamped = never;    // when the kernel gave it to the device's driver, if it said so
    Nanos received = never;   // when the kernel got the first answer from the driver
    Nanos captured = never;   // the same for an answer whether or not the socket was given it
    Nanos reflector = never;  // how long the STAMP reflector held it
    Nanos behind = 0;         // how much later than due it was sent
    uint32_t out = 0;         // the interface by which it left, by its index; 0: not known
    uint32_t in = 0;          // the same of the answer
    uint32_t order = 0;       // of arrival, from 1; 0: none arrived
    uint16_t size = 0;        // of its IP packet
    uint8_t ttl = 0;          // of the answer's IP packet; 0: not known
    Unsent unsent = Unsent::no;
    bool refused = false;
    bool duplicated = false;
    bool half_open = false;    // answered with a bare ACK
    bool unreflected = false;  // the reflector told that it did not answer it (directions.h)
    bool repeated = false;     // the first answer that came is one that the target repeated

    Nanos departed() const { return stamped != never ? stamped : sent; }
    Nanos round_trip() const { return received - departed(); }
};

// What stands beside the samples.
struct Tally {
    uint32_t duplicates = 0;
    uint32_t damaged = 0;
    uint32_t unauthentic = 0;
    uint32_t received_unstamped = 0;
    uint32_t icmp_errors = 0;
    uint32_t skipped = 0;      // slots
    Nanos longest_pause = 0;   // how late this host came to the first of them
    std::string icmp_error{};  // the last one
    std::string send_error{};  // the last one
    std::string no_way_out{};  // the first reason; empty: none
    std::string too_big{};     // the same

    bool operator==(const Tally&) const = default;
};

class Series {
public:
    // bound_to: the index of the only interface that the socket gets answers from; 0: any.
    // repeats_after: an answer that is later was repeated by the target; never: it does not repeat.
    explicit Series(uint32_t expected_count, uint32_t bound_to = 0, Nanos repeats_after = never)
        : bound_to_(bound_to), repeats_after_(repeats_after) {
        samples_.reserve(expected_count);
    }

    // As it stood when these were written down: the arrivals in their order, whatever the numbers.
    static Series restored(std::vector<Sample> samples, Tally tally, uint32_t bound_to,
                           Nanos repeats_after);

    uint32_t next_index() const { return static_cast<uint32_t>(samples_.size()); }

    void sent(Nanos now, Nanos behind, uint16_t size = 0) {
        samples_.push_back({.sent = now, .behind = behind, .size = size});
    }
    // why: in words, for the result.
    void unsent(uint32_t index, Unsent how, const std::string& why);
    void stamped(uint32_t index, Nanos when, uint32_t interface = 0);

    // when: of the kernel; false in by_kernel says that only the program's reading was to be had.
    // False when the answer names a probe that was never sent.
    bool answered(const Answer& answer, Nanos when, bool by_kernel, uint32_t interface = 0);

    // An answer seen at the interface, before this host's filters and the socket.
    void captured(const Answer& answer, Nanos when, uint32_t interface = 0, uint8_t ttl = 0);
    void refused(Refusal refusal);
    // A slot of the schedule was left out; behind: how late this host came to it.
    void skipped(uint32_t slots, Nanos behind);
    void icmp_error(const std::string& what) {
        tally_.icmp_error = what;
        ++tally_.icmp_errors;
    }

    void unreflected(uint32_t index);
    // A router told so, which says more than what our own kernel repeats; of which probe may not be
    // known.
    void too_big(const std::string& why);

    // The indexes of samples that are new or changed since they were taken last, each once; what is
    // over so many is left for the next call.
    std::vector<uint32_t> take_changes(size_t most);

    const std::vector<Sample>& samples() const { return samples_; }
    const Tally& tally() const { return tally_; }
    const Mirrors& mirrors() const { return mirrors_; }
    uint32_t bound_to() const { return bound_to_; }
    Nanos repeats_after() const { return repeats_after_; }
    bool is_repeated(Nanos round_trip) const {
        return repeats_after_ != never && round_trip >= repeats_after_;
    }
    uint32_t answered_count() const { return arrivals_; }

private:
    Sample& change(uint32_t index);

    uint32_t bound_to_;
    Nanos repeats_after_;
    std::vector<Sample> samples_;
    Tally tally_;
    uint32_t arrivals_ = 0;
    Mirrors mirrors_;
    uint32_t taken_ = 0;             // so many were new to take_changes
    std::vector<uint32_t> changed_;  // of those
};

}  // namespace rehome::probe
