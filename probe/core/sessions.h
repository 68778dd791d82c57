// The test sessions that a STAMP reflector keeps (RFC 8762 section 4.3, stateful): each with the
// number of its next answer.
//
// A session is who asks, at which of our addresses, by which identifier (RFC 8972 section 3). There
// are at most so many: the one that was idle for the longest goes, and so does each that was idle
// for the time-out.  One that comes again begins anew, with another id.  Pure; not thread-safe.
#pragma once

#include <list>
#include <random>
#include <unordered_map>

#include "probe/core/stamp.h"

namespace rehome::probe {

struct SessionId {
    Endpoint from;
    Address to;
    uint16_t session = 0;

    bool operator==(const SessionId&) const = default;
};

struct Session {
    uint32_t id = 0;  // random
    uint32_t next_sequence = 0;
    uint32_t unreflected = 0;
};

class Sessions {
public:
    // secret: random, so that nobody can choose senders that are slow to find.
    Sessions(size_t at_most, Nanos idle_at_most, uint64_t secret)
        : at_most_(at_most), idle_at_most_(idle_at_most), ids_(secret), known_(0, Hash{secret}) {}

    // The session, a new one if it is not known; valid until the next call.  now: monotonic.
    Session& find(const SessionId& id, Nanos now);

    size_t size() const { return known_.size(); }

private:
    struct Kept {
        SessionId id;
        Session session;
        Nanos used = 0;
    };
    struct Hash {
        uint64_t secret = 0;
        size_t operator()(const SessionId& id) const;
    };
    using Order = std::list<Kept>;  // the longest idle first

    void forget(Nanos now);

    size_t at_most_;
    Nanos idle_at_most_;
    std::mt19937_64 ids_;
    Order order_;
    std::unordered_map<SessionId, Order::iterator, Hash> known_;
};

}  // namespace rehome::probe
