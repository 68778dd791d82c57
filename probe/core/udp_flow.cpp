// See udp_flow.h.
#include "probe/core/udp_flow.h"

#include <fmt/format.h>

namespace rehome::probe {

size_t UdpFlow::construct(uint32_t index, Nanos now, Room room) {
    if (sent_.size() <= index) {
        sent_.resize(size_t{index} + 1);
    }
    sent_[index] = ntp_of(now);
    return construct_request({.sequence = index, .sent = sent_[index], .error = error_}, room);
}

tl::expected<Answer, Refusal> UdpFlow::deconstruct(ByteView message) const {
    const auto reply = deconstruct_reply(message);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!is_sent(reply->request.sequence, reply->request.sent)) {
        return tl::unexpected(Refusal::not_ours);
    }
    return Answer{.index = reply->request.sequence,
                  .reflector = ReflectorTimes{.received = unix_of(reply->received),
                                              .sent = unix_of(reply->sent)}};
}

std::optional<uint32_t> UdpFlow::index_of_sent(ByteView frame) const {
    if (frame.size() < stamp_size) {
        return std::nullopt;
    }
    const auto request = deconstruct_request(frame.last(stamp_size));
    if (!request || !is_sent(request->sequence, request->sent)) {
        return std::nullopt;
    }
    return request->sequence;
}

std::string UdpFlow::description() const {
    return fmt::format("one flow: source port {}, target port {}", source_port_, target_.port);
}

}  // namespace rehome::probe
