// STAMP test packets (RFC 8762; the session's identifier by RFC 8972 section 3), in two modes:
//
//   unauthenticated, 44 bytes (4.2.1, 4.3.1)     authenticated, 112 bytes (4.2.2, 4.3.2)
//   sender            reflector                  sender            reflector
//   0   number        0   number                 0   number        0   number
//   4   sent          4   sent                   16  sent          16  sent
//   12  error         12  error                  24  error         24  error
//   14  session       14  session                26  session       26  session
//                     16  received                                 32  received
//                     24  sender's number                          48  sender's number
//                     28  sender's time                            64  sender's time
//                     36  sender's error                           72  sender's error
//                     40  sender's TTL                             80  sender's TTL
//                                                96  HMAC          96  HMAC
//
// The rest is zero.  A reflector's number is the sender's (stateless), or counts its own answers of
// that session from 0 (stateful).  Times are in NTP's 64-bit format (seconds since 1900, modulo
// 2^32, and their 2^-32nds).  The error estimate (RFC 4656 section 4.1.2): S when synchronised, Z 0
// for NTP's format, an exponent and a mantissa that is never zero.  The HMAC (4.4) is
// HMAC-SHA-256's first 16 bytes over the 96 before it.
//
// TWAMP Light's requests (RFC 5357 section 4.1.2) are the first 14 bytes and padding; they get the
// base packet (4.6).  What follows a base packet are extensions (stamp_extensions.h) or padding.
// Pure.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

constexpr size_t stamp_size = 44;
constexpr size_t authenticated_size = 112;
constexpr size_t shortest_request = 14;
constexpr size_t stamp_hmac_size = 16;
constexpr uint16_t stamp_port = 862;

using NtpTime = uint64_t;

NtpTime ntp_of(Nanos time);
Nanos unix_of(NtpTime time);  // of the years 1968 to 2104

uint16_t error_estimate(Nanos error, bool synchronised);

// The base packet of the key's mode.
inline size_t base_size(const StampKey& key) {
    return key.empty() ? stamp_size : authenticated_size;
}

struct StampRequest {
    uint32_t sequence = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
    uint16_t session = 0;  // 0: none, or of a sender that does not know RFC 8972
};

struct StampReply {
    uint32_t sequence = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
    NtpTime received = 0;
    StampRequest request;
    uint8_t ttl = 0;
};

// The base packet.  room: at least that long.
size_t construct_request(const StampRequest& request, const StampKey& key, Room room);
tl::expected<StampRequest, Refusal> deconstruct_request(ByteView message, const StampKey& key);

// The same of what was deconstructed before: without another look at the HMAC.
StampRequest read_request(ByteView message, const StampKey& key);

// What a reflector answers to a request that could be deconstructed: at least the base packet, and
// else as long as what it was asked.  What follows the base packet comes back as it was.  room: at
// least so long.
struct Reflecting {
    uint32_t sequence = 0;
    NtpTime received = 0;
    NtpTime sent = 0;
    uint16_t error = 0;
    uint8_t ttl = 0;
};
size_t reply_size(size_t message_size, const StampKey& key);
size_t construct_reply(ByteView message, const Reflecting& own, const StampKey& key, Room room);
tl::expected<StampReply, Refusal> deconstruct_reply(ByteView message, const StampKey& key);

// Whether it is some reflector's answer and no request: its times of receiving and of sending are
// less than a second apart.  In a request the former is zero, or padding.
bool is_reply(ByteView message, const StampKey& key);

}  // namespace rehome::probe
