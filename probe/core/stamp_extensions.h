// What follows a STAMP base packet: TLVs (RFC 8972 section 4), of which these are known here.
//
//   0  flags   U 0x80 not recognised: set by the sender, cleared by a reflector that knows the type
//              M 0x40 malformed, I 0x20 the HMAC does not fit: set by the reflector
//   1  type    1 padding, 8 HMAC, 252 (private use) a report on the session
//   2  length  of the value behind it
//
// The report, 12 bytes: a request asks for it, our reflector fills it in.
//
//   0  "RH"    2  version, 1    3  bits: 1 filled in, 2 stateful    4  session    8  unreflected
//
// The HMAC's TLV (section 4.8) stands in authenticated mode, behind the report and before the
// padding: 16 bytes over the base packet's number and the TLVs before it.
//
// What is no TLV (type 0, or shorter than its own length says) is left as it came: RFC 8762 pads
// with zeros.  Pure.
#pragma once

#include "probe/core/stamp.h"

namespace rehome::probe {

// So long are the extensions that a sender asks by; a longer packet is padded, a shorter one has
// padding alone.
size_t extensions_size(const StampKey& key);

// The sender's.  packet: the base packet, and room up to its whole length.
void construct_extensions(const StampKey& key, Room packet);

// The reflector's, in an answer that is constructed up to them.  message: the request, whose HMAC
// is looked at; as long as the packet, else there are none.
void answer_extensions(ByteView message, const SessionReport& report, const StampKey& key,
                       Room packet);

struct Extensions {
    std::optional<SessionReport> report{};
    bool other_version = false;
};
// Of an answer; a report whose HMAC does not fit is none.
Extensions deconstruct_extensions(ByteView message, const StampKey& key);

}  // namespace rehome::probe
