// A flow: the packets of one kind to one target that all take the same path.
//
// Routers with several equal paths choose by a hash of the addresses, the protocol and the first
// bytes behind the IP header.  A flow therefore keeps those constant over a run and, as far as the
// host's free ports allow, from run to run: ICMP its id and its checksum, UDP its ports, TCP a
// fixed block of source ports (tcp_flow.h says why one port is not enough).
//
// A flow is pure: the adapter sends what it constructs, and hands in what the sockets deliver.
// Every byte of an answer is hostile until deconstruct has accepted it.  Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probe/core/wire.h"

namespace rehome::probe {

using Nanos = int64_t;  // since 1970 in UTC where it is a time; a length of time otherwise

enum class Kind { icmp, tcp, udp };

std::string_view name(Kind kind);

Protocol protocol_of(Kind kind, Family family);

// Of STAMP's authenticated mode, for HMAC-SHA-256; empty: unauthenticated mode.
using StampKey = std::vector<uint8_t>;

// What our own reflector tells of a session besides (stamp_extensions.h).
struct SessionReport {
    bool stateful = false;
    uint32_t session = 0;      // which one: random, drawn when the reflector first heard of it
    uint32_t unreflected = 0;  // requests of it that came and got no answer

    bool operator==(const SessionReport&) const = default;
};

// What a STAMP reflector wrote into its answer, by its own clock.
struct Reflected {
    Nanos received = 0;
    Nanos sent = 0;
    uint32_t sequence = 0;
    std::optional<SessionReport> report{};
    bool other_version = false;  // it tells of the session in a form that we do not know
};

// An answer to the probe with this index.
struct Answer {
    uint32_t index = 0;
    bool refused = false;    // TCP: a reset; the path is whole, but no service listens
    bool half_open = false;  // TCP: a bare ACK, since the port's earlier probe is still half open
    uint32_t closes = 0;     // TCP: of which probe's connection the target is to be told to forget
    std::optional<Reflected> reflector = std::nullopt;  // UDP
};

class Flow {
public:
    Flow() = default;
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;
    virtual ~Flow() = default;

    // Writes probe number index into room (at least message_size bytes) and returns its size.  The
    // socket adds the IP header, and for UDP the UDP header.
    virtual size_t construct(uint32_t index, Nanos now, Room room) = 0;

    // Of each probe, and of whatever else it constructs at most.
    virtual size_t message_size() const = 0;

    // What the socket delivered, without IP header, and for UDP without UDP header.
    virtual tl::expected<Answer, Refusal> deconstruct(ByteView message) const = 0;

    // The index of a probe of ours in a whole frame that the kernel hands back with the time at
    // which it was sent.  Its front (link, IP, options) is unknown; its end is what we constructed.
    virtual std::optional<uint32_t> index_of_sent(ByteView frame) const = 0;

    // Whether an ICMP error that the socket reports quotes one of our packets.
    virtual bool is_quoted(ByteView quoted) const = 0;

    // What must follow an accepted answer so that the target forgets the probe; 0: nothing.
    virtual size_t construct_farewell(const Answer& answer, Room room) const = 0;

    // What is constant, in words, for the result.
    virtual std::string description() const = 0;
};

struct FlowAsked {
    Kind kind = Kind::icmp;
    Address source;
    Endpoint target;
    std::vector<uint16_t> ports{};  // source ports reserved for it: TCP the block, UDP one
    uint64_t secret = 0;            // random: who does not see the probes cannot answer them
    uint16_t error_estimate = 0;    // UDP: of our clock, as it stands in the request
    StampKey key{};                 // UDP
    size_t size = 0;                // of a probe's IP packet; 0: the kind's own
};

// Sizes of a probe's IP packet: when none is asked for, and at least.
size_t own_size(Kind kind, Family family, const StampKey& key);
size_t least_size(Kind kind, Family family, const StampKey& key);

std::unique_ptr<Flow> make_flow(FlowAsked asked);

}  // namespace rehome::probe
