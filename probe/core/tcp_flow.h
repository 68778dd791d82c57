// TCP SYN probes (RFC 9293): a SYN goes out, a SYN-ACK or a reset comes back, a reset follows.
//
// The SYN-ACK finds no connection in our kernel, because the source ports are only reserved (bound,
// neither listening nor connected).  The kernel therefore answers it with a reset of its own, but
// by its main route and without the vantage's mark or interface.  We send the same reset (same
// ports, same sequence number) by the measured path.  The target forgets the half-open connection
// with whichever comes first and discards the other (RFC 9293 section 3.10.7.1).
//
// Ports rotate: a second SYN from a port whose first one is still half open is answered with a bare
// ACK for the first one (RFC 9293 section 3.10.7.4), which tells that the path of the second is
// whole and no more; and a port that was just closed may be refused.  Probe i
// leaves from port i mod n of a block, and no port comes again before it has rested for port_rest:
// a probe that finds its port too young is not sent.  n is so large that this does not happen at
// the rate that was asked for.  Each port is a flow of its own on a router with equal paths: a run
// samples n such flows, and the next run the same ones if the same ports are free.
//
// The index travels in the sequence number: base + index * step (mod 2^32).  The step is odd, so
// that the answer's acknowledgement gives the index back.
//
//   0  source port, target port     8   sequence        16  window        20  MSS 1440
//   4  (see above)                  12  offset, flags   18  checksum      24  SACK permitted, 2 NOP
//
// The options bring the frame over Ethernet's shortest: a padded one would not end in our bytes.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

constexpr size_t syn_size = 28;
constexpr size_t reset_size = 20;

// How long a source port rests: until its probe is settled and the target has repeated a SYN-ACK
// that was lost (after 1 s, RFC 6298), and half as long again.
Nanos port_rest(Nanos wait);

// Sizes the block of source ports, with room for the gaps of Poisson sampling.
size_t ports_needed(double rate_pps, Nanos wait, uint32_t count);
constexpr size_t ports_at_most = 4000;

// The target repeats a SYN-ACK that nobody acknowledged (RFC 6298 section 2: 1 s).  As we never
// repeat a SYN, an answer that is later than this tells that an earlier one was lost.
constexpr Nanos first_repeat = 1'000'000'000;

class TcpFlow final : public Flow {
public:
    // ports: ascending, at least one.
    TcpFlow(const Address& source, const Endpoint& target, std::vector<uint16_t> ports,
            uint64_t secret);

    size_t construct(uint32_t index, Nanos now, Room room) override;
    size_t message_size() const override { return syn_size; }
    tl::expected<Answer, Refusal> deconstruct(ByteView message) const override;
    std::optional<uint32_t> index_of_sent(ByteView frame) const override;
    bool is_quoted(ByteView quoted) const override;
    size_t construct_farewell(const Answer& answer, Room room) const override;
    std::string description() const override;

private:
    uint16_t port_of(uint32_t index) const { return ports_[index % ports_.size()]; }
    uint32_t sequence_of(uint32_t index) const;
    uint32_t index_of(uint32_t sequence) const;
    uint32_t latest_from_port_of(uint32_t index) const;
    void finish(Room segment) const;

    Address source_;
    Endpoint target_;
    std::vector<uint16_t> ports_;
    uint32_t base_;
    uint32_t constructed_ = 0;  // so many probes
};

}  // namespace rehome::probe
