// See udp_flow.h.
#include "probe/core/udp_flow.h"

#include <fmt/format.h>

namespace rehome::probe {

size_t UdpFlow::construct(uint32_t index, Nanos now, Room room) {
    if (sent_.size() <= index) {
        sent_.resize(size_t{index} + 1);
    }
    sent_[index] = ntp_of(now);
    const StampRequest request{
        .sequence = index, .sent = sent_[index], .error = error_, .session = session_};
    construct_request(request, key_, room);
    construct_extensions(key_, room.first(size_));
    return size_;
}

// What is too short for a reflector's answer is one of another service, or of another mode: it is
// whole, as its sum was right.
tl::expected<Answer, Refusal> UdpFlow::deconstruct(ByteView message) const {
    const auto reply = deconstruct_reply(message, key_);
    if (!reply) {
        return tl::unexpected(key_.empty() ? Refusal::not_ours : Refusal::unauthentic);
    }
    if (!is_sent(reply->request.sequence, reply->request.sent)) {
        const bool of_session = reply->request.session == session_;
        return tl::unexpected(of_session ? Refusal::not_asked : Refusal::not_ours);
    }
    const Extensions extensions = deconstruct_extensions(message, key_);
    return Answer{.index = reply->request.sequence,
                  .reflector = Reflected{.received = unix_of(reply->received),
                                         .sent = unix_of(reply->sent),
                                         .sequence = reply->sequence,
                                         .report = extensions.report,
                                         .other_version = extensions.other_version}};
}

std::optional<uint32_t> UdpFlow::index_of_sent(ByteView frame) const {
    if (frame.size() < size_) {
        return std::nullopt;
    }
    const StampRequest request = read_request(frame.last(size_), key_);
    return is_sent(request.sequence, request.sent) ? std::optional(request.sequence) : std::nullopt;
}

std::string UdpFlow::description() const {
    return fmt::format("one flow: source port {}, target port {}{}", source_port_, target_.port,
                       key_.empty() ? "" : ", authenticated");
}

}  // namespace rehome::probe
