// What a STAMP reflector does with a packet (RFC 8762 section 4.3): answer it, or refuse it for a
// reason that has a name and a counter.
//
// It can be no part of a storm.  An answer is as long as the request, or the base packet where the
// request is shorter, and counts twice then: nobody gets more bytes out of it than go in at the
// rate of a source.  It goes to the one who is named as its sender, never to a port below 1024, or
// another one on which UDP services answer whoever asks, and never for a packet to a broadcast or
// multicast address.  What is itself an answer gets none, so that no two reflectors can keep a
// packet going between them, whatever their ports are.  And there are no more answers than so many
// a second, in all and to each source.
//
// Stateful, each session's answers have numbers of their own; in both modes a sender that asks for
// it is told how many of its requests got no answer here (stamp_extensions.h).  Pure; not
// thread-safe.
#pragma once

#include <array>

#include "probe/core/sessions.h"
#include "probe/core/source_limits.h"

namespace rehome::probe {

enum class Reflection : uint8_t {
    answered,
    truncated,
    bad_hmac,
    from_reflector,
    not_to_us,
    over_rate,
    over_source_rate,
    not_sent
};
constexpr size_t reflections = 8;

std::string_view name(Reflection reflection);

struct Received {
    ByteView message;
    Endpoint from;
    Address to;
    bool cut = false;            // longer than what was kept of it
    bool to_our_address = true;  // false: to a broadcast or multicast address
    uint8_t ttl = 0;
    Nanos at = 0;
};

struct ReflectorAsked {
    uint16_t port = stamp_port;  // its own
    double most_pps = 0;         // answers, in all
    double most_pps_a_source = 0;
    size_t source_places = 65'536;
    bool stateful = true;
    StampKey key{};
    uint16_t error_estimate = 0;
    uint64_t secret = 0;  // random
};

class Reflector {
public:
    static constexpr size_t most_sessions = 10'000;
    static constexpr Nanos idle_at_most = 900'000'000'000;  // REFWAIT of RFC 5357 section 3.1

    explicit Reflector(ReflectorAsked asked);

    // Whether to answer; counts it.  monotonic: for the rate and the time-out.
    Reflection decide(const Received& received, Nanos monotonic);

    // The answer to the packet that was decided last, when that said answered.  now: the time that
    // stands in it as that of sending.  room: at least reply_size.
    size_t construct(const Received& received, Nanos now, Room room);

    // The answer that was constructed last could not be sent after all: its number is free again.
    void count_send_failure();

    const std::array<uint64_t, reflections>& counters() const { return counters_; }
    size_t sessions() const { return sessions_.size(); }
    const StampKey& key() const { return asked_.key; }

private:
    Reflection judge(const Received& received) const;
    Reflection limit(const Received& received, Nanos monotonic);

    ReflectorAsked asked_;
    RateLimit limit_;
    RateLimit::Bucket bucket_;
    SourceLimits source_limits_;
    Sessions sessions_;
    Session* session_ = nullptr;  // of the packet that was decided last
    std::array<uint64_t, reflections> counters_{};
};

}  // namespace rehome::probe
