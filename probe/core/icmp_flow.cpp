// See icmp_flow.h.
#include "probe/core/icmp_flow.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome::probe {

namespace {

// ICMPv6 sums a pseudo header, ICMP does not.
uint16_t start_sum(const Address& source, const Address& target, size_t length) {
    return source.family == Family::v6 ? pseudo_header_sum(source, target, Protocol::icmp6, length)
                                       : uint16_t{0};
}

uint8_t request_type(Family family) {
    return family == Family::v6 ? 128 : 8;
}
uint8_t reply_type(Family family) {
    return family == Family::v6 ? 129 : 0;
}

}  // namespace

size_t IcmpFlow::construct(uint32_t index, Nanos, Room room) {
    const Room echo = room.first(size_);
    std::fill(echo.begin(), echo.end(), uint8_t{0});
    echo[0] = request_type(source_.family);
    put(echo, 2, echo_checksum);
    put(echo, 4, echo_id);
    put(echo, 6, static_cast<uint16_t>(index));
    put(echo, 8, secret_);
    put(echo, 16, index);
    // With the balance the whole sums up to 0xffff, which makes echo_checksum the right one.
    const uint16_t sum = ones_sum(echo, start_sum(source_, target_, size_));
    put(echo, 20, static_cast<uint16_t>(~sum));
    return size_;
}

tl::expected<Answer, Refusal> IcmpFlow::deconstruct(ByteView message) const {
    if (message.size() < 8) {
        return tl::unexpected(Refusal::truncated);
    }
    if (message[0] != reply_type(source_.family) || message[1] != 0 ||
        get<uint16_t>(message, 4) != echo_id) {
        return tl::unexpected(Refusal::not_ours);
    }
    if (message.size() < size_) {
        return tl::unexpected(Refusal::truncated);
    }
    if (ones_sum(message, start_sum(target_, source_, message.size())) != 0xffff) {
        return tl::unexpected(Refusal::wrong_checksum);
    }
    const uint32_t index = get<uint32_t>(message, 16);
    if (message.size() != size_ || get<uint64_t>(message, 8) != secret_ ||
        get<uint16_t>(message, 6) != static_cast<uint16_t>(index)) {
        return tl::unexpected(Refusal::not_ours);
    }
    return Answer{.index = index};
}

std::optional<uint32_t> IcmpFlow::index_of_sent(ByteView frame) const {
    if (frame.size() < size_) {
        return std::nullopt;
    }
    const ByteView echo = frame.last(size_);
    if (echo[0] != request_type(source_.family) || get<uint64_t>(echo, 8) != secret_) {
        return std::nullopt;
    }
    return get<uint32_t>(echo, 16);
}

bool IcmpFlow::is_quoted(ByteView quoted) const {
    return quoted.size() >= 8 && quoted[0] == request_type(source_.family) &&
           get<uint16_t>(quoted, 4) == echo_id;
}

std::string IcmpFlow::description() const {
    return fmt::format("one flow: id {}, checksum 0x{:04x}", echo_id, echo_checksum);
}

}  // namespace rehome::probe
