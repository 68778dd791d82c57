// STAMP test packets, unauthenticated mode (RFC 8762, sections 4.2.1 and 4.3.1), 44 bytes each.
//
//   sender                          reflector
//   0   sequence number             0   sequence number (stateless: the sender's)
//   4   time of sending             4   time of sending
//   12  error estimate              12  error estimate
//   14  zero (30)                   14  zero (2)
//                                   16  time of receiving
//                                   24  sender's sequence number, 28 time, 36 error estimate
//                                   38  zero (2), 40 sender's TTL, 41 zero (3)
//
// Times are in NTP's 64-bit format (seconds since 1900, modulo 2^32, and their 2^-32nds).  The
// error estimate (RFC 4656 section 4.1.2): S when synchronised, Z 0 for NTP's format, an exponent
// and a mantissa that is never zero.
//
// Authenticated mode (HMAC) and a stateful reflector have their place here as formats of their own,
// beside these.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

constexpr size_t stamp_size = 44;
constexpr uint16_t stamp_port = 862;

using NtpTime = uint64_t;

NtpTime ntp_of(Nanos time);
Nanos unix_of(NtpTime time);  // of the years 1968 to 2104

uint16_t error_estimate(Nanos error, bool synchronised);

struct StampRequest {
    uint32_t sequence = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
};

struct StampReply {
    uint32_t sequence = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
    NtpTime received = 0;
    StampRequest request;
    uint8_t ttl = 0;
};

size_t construct_request(const StampRequest& request, Room room);
tl::expected<StampRequest, Refusal> deconstruct_request(ByteView message);

// What a reflector answers, as long as what it was asked (at least 44 bytes): what follows the base
// packet comes back as it was.  message: what was received; room: at least as long.
struct Reflecting {
    NtpTime received = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
    uint8_t ttl = 0;
};
tl::expected<size_t, Refusal> construct_reply(ByteView message, const Reflecting& own, Room room);
tl::expected<StampReply, Refusal> deconstruct_reply(ByteView message);

}  // namespace rehome::probe
