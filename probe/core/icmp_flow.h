// ICMP echo (RFC 792, RFC 4443) with a constant id and a constant checksum.
//
//   0       type, code     8/0 echo, 0/0 reply; ICMPv6: 128/0, 129/0
//   2       checksum       always the same; some routers hash it
//   4       id             always the same
//   6       sequence       the low half of the index
//   8       secret         64 bits; an answer must bring them back
//   16      index          32 bits
//   20      balance        makes up in the sum for what sequence and index change
//   22..     zero
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

constexpr size_t echo_size = 32;
constexpr uint16_t echo_id = 0x7268;
constexpr uint16_t echo_checksum = 0x7062;

class IcmpFlow final : public Flow {
public:
    // size: of the message, at least echo_size.
    IcmpFlow(const Address& source, const Address& target, uint64_t secret, size_t size = echo_size)
        : source_(source), target_(target), secret_(secret), size_(size) {}

    size_t construct(uint32_t index, Nanos now, Room room) override;
    size_t message_size() const override { return size_; }
    tl::expected<Answer, Refusal> deconstruct(ByteView message) const override;
    std::optional<uint32_t> index_of_sent(ByteView frame) const override;
    bool is_quoted(ByteView quoted) const override;
    size_t construct_farewell(const Answer&, Room) const override { return 0; }
    std::string description() const override;

private:
    Address source_;
    Address target_;
    uint64_t secret_;
    size_t size_;
};

}  // namespace rehome::probe
