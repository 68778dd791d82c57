// STAMP requests by UDP with constant ports.  stamp.h has the format.  Behind the base packet
// stands a question to the reflector about the session, as far as the size has room
// (stamp_extensions.h).
//
// An answer must repeat the time of sending that stood in its request, to the bit: with the
// kernel's check of addresses and ports that is what ties it to a probe.
#pragma once

#include "probe/core/flow.h"
#include "probe/core/stamp_extensions.h"

namespace rehome::probe {

class UdpFlow final : public Flow {
public:
    // error: the error estimate of our clock (stamp.h), which stands in each request.
    // size: of the message, at least base_size.  secret: its low half names the session.
    UdpFlow(const Endpoint& target, uint16_t source_port, uint16_t error, StampKey key, size_t size,
            uint64_t secret)
        : target_(target),
          source_port_(source_port),
          error_(error),
          key_(std::move(key)),
          size_(size),
          session_(static_cast<uint16_t>(secret | 1)) {}

    size_t construct(uint32_t index, Nanos now, Room room) override;
    size_t message_size() const override { return size_; }
    tl::expected<Answer, Refusal> deconstruct(ByteView message) const override;
    std::optional<uint32_t> index_of_sent(ByteView frame) const override;
    bool is_quoted(ByteView) const override { return true; }  // a connected socket reports its own
    size_t construct_farewell(const Answer&, Room) const override { return 0; }
    std::string description() const override;

private:
    bool is_sent(uint32_t index, NtpTime sent) const {
        return index < sent_.size() && sent_[index] == sent;
    }

    Endpoint target_;
    uint16_t source_port_;
    uint16_t error_;
    StampKey key_;
    size_t size_;
    uint16_t session_;           // never 0, which is none
    std::vector<NtpTime> sent_;  // by index
};

}  // namespace rehome::probe
