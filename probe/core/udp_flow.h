// STAMP requests by UDP with constant ports.  stamp.h has the format.
//
// An answer must repeat the time of sending that stood in its request, to the bit: with the
// kernel's check of addresses and ports that is what ties it to a probe.
#pragma once

#include "probe/core/flow.h"
#include "probe/core/stamp.h"

namespace rehome::probe {

class UdpFlow final : public Flow {
public:
    // error: the error estimate of our clock (stamp.h), which stands in each request.
    UdpFlow(const Endpoint& target, uint16_t source_port, uint16_t error)
        : target_(target), source_port_(source_port), error_(error) {}

    size_t construct(uint32_t index, Nanos now, Room room) override;
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
    std::vector<NtpTime> sent_;  // by index
};

}  // namespace rehome::probe
