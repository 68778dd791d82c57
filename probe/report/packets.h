// The packets of a path, constructed again from its record: the probe as it was sent, and of its
// answer what is known.
//
// A probe's bytes are those that the flow constructs (flow.h), from the record's ports and secret,
// with an IP header (and UDP's) of its recorded size and DSCP; not recorded, and so 64 and 0, are
// its TTL and identification; of STAMP with a key, the headers alone.  Of an answer are known
// addresses, ports, the TTL and what ties it to its probe: ICMP's brings back the probe's content;
// TCP's has its flags and the number that it acknowledges; STAMP's repeats the sender's number and
// time.  What else it held is 0.  Checksums are right.  Pure; the record must outlive this.
#pragma once

#include "probe/core/record.h"

namespace rehome::probe {

class Packets {
public:
    Packets(const Plan& plan, const PathRecord& path);

    // An IP packet; valid until the next call.
    ByteView probe(const ProbeRow& row);
    ByteView answer(const ProbeRow& row);

private:
    size_t construct(const ProbeRow& row);
    size_t construct_answer(const ProbeRow& row, size_t size);
    ByteView finish(const Address& from, const Address& to, uint8_t ttl, size_t size, size_t total);

    const PathRecord* path_;
    Address source_;
    Protocol protocol_;
    size_t header_;  // of IP
    std::unique_ptr<Flow> flow_;
    bool sealed_;  // by a key that the record does not hold: nothing behind UDP's header is known
    std::vector<uint8_t> room_;
};

}  // namespace rehome::probe
