// See tcp_flow.h.
#include "probe/core/tcp_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace rehome::probe {

namespace {

constexpr uint8_t flag_syn = 0x02;
constexpr uint8_t flag_reset = 0x04;
constexpr uint8_t flag_ack = 0x10;

constexpr uint32_t step = 0x9e3779b1;

// The factor that undoes step (mod 2^32), by Newton's iteration: each round doubles the right bits.
constexpr uint32_t inverse_of(uint32_t odd) {
    uint32_t x = odd;  // right in the lowest three bits
    for (int round = 0; round < 4; ++round) {
        x *= 2 - odd * x;
    }
    return x;
}
static_assert(step * inverse_of(step) == 1);

// A segment between namespaces of one host may come without the sum over its own bytes: the kernel
// leaves that to a network card which is not there.  It then holds the pseudo header's sum.
bool sum_is_right(ByteView segment, const Address& from, const Address& to) {
    const uint16_t pseudo = pseudo_header_sum(from, to, Protocol::tcp, segment.size());
    return ones_sum(segment, pseudo) == 0xffff || get<uint16_t>(segment, 16) == pseudo;
}

}  // namespace

Nanos port_rest(Nanos wait) {
    return std::max(wait, first_repeat) / 2 * 3;
}

// As many probes as there may be in the time of rest: the mean and four standard deviations.
size_t ports_needed(double rate_pps, Nanos wait, uint32_t count) {
    const double mean = rate_pps * static_cast<double>(port_rest(wait)) / 1e9;
    const auto wanted = static_cast<size_t>(std::ceil(mean + 4 * std::sqrt(mean))) + 2;
    return std::min(wanted, std::max<size_t>(count, 1));
}

TcpFlow::TcpFlow(const Address& source, const Endpoint& target, std::vector<uint16_t> ports,
                 uint64_t secret)
    : source_(source),
      target_(target),
      ports_(std::move(ports)),
      base_(static_cast<uint32_t>(secret)) {
    assert(!ports_.empty() && std::is_sorted(ports_.begin(), ports_.end()));
}

uint32_t TcpFlow::sequence_of(uint32_t index) const {
    return base_ + index * step;
}

uint32_t TcpFlow::index_of(uint32_t sequence) const {
    return (sequence - base_) * inverse_of(step);
}

// The length and the checksum, once the rest stands.
void TcpFlow::finish(Room segment) const {
    segment[12] = static_cast<uint8_t>(segment.size() / 4 << 4);
    const uint16_t pseudo =
        pseudo_header_sum(source_, target_.address, Protocol::tcp, segment.size());
    put(segment, 16, static_cast<uint16_t>(~ones_sum(segment, pseudo)));
}

size_t TcpFlow::construct(uint32_t index, Nanos, Room room) {
    const Room syn = room.first(syn_size);
    constructed_ = std::max(constructed_, index + 1);
    constexpr std::array<uint8_t, 8> options{2, 4, 1440 >> 8, 1440 & 0xff, 4, 2, 1, 1};
    std::fill(syn.begin(), syn.end(), uint8_t{0});
    put(syn, 0, port_of(index));
    put(syn, 2, target_.port);
    put(syn, 4, sequence_of(index));
    syn[13] = flag_syn;
    put(syn, 14, uint16_t{0xfaf0});
    std::copy(options.begin(), options.end(), syn.begin() + 20);
    finish(syn);
    return syn_size;
}

tl::expected<Answer, Refusal> TcpFlow::deconstruct(ByteView message) const {
    if (message.size() < 20) {
        return tl::unexpected(Refusal::truncated);
    }
    const uint16_t port = get<uint16_t>(message, 2);
    if (get<uint16_t>(message, 0) != target_.port ||
        !std::binary_search(ports_.begin(), ports_.end(), port)) {
        return tl::unexpected(Refusal::not_ours);
    }
    const size_t header = static_cast<size_t>(message[12] >> 4) * 4;
    if (header < 20 || header > message.size()) {
        return tl::unexpected(Refusal::truncated);
    }
    if (!sum_is_right(message, target_.address, source_)) {
        return tl::unexpected(Refusal::wrong_checksum);
    }
    const uint8_t flags = message[13] & (flag_syn | flag_reset | flag_ack);
    const bool syn_ack = flags == (flag_syn | flag_ack);
    const bool reset = flags == (flag_reset | flag_ack);
    const uint32_t index = index_of(get<uint32_t>(message, 8) - 1);
    if (port_of(index) != port) {
        return tl::unexpected(Refusal::not_ours);
    }
    if (syn_ack || reset) {
        return Answer{.index = index, .refused = reset, .closes = index};
    }
    const uint32_t latest = latest_from_port_of(index);
    if (flags != flag_ack || latest == index) {
        return tl::unexpected(Refusal::not_ours);
    }
    return Answer{.index = latest, .half_open = true, .closes = index};
}

// The probe that left last from that probe's port; itself if none did after it, or if it never
// left.
uint32_t TcpFlow::latest_from_port_of(uint32_t index) const {
    const auto block = static_cast<uint32_t>(ports_.size());
    return index >= constructed_ ? index : index + (constructed_ - 1 - index) / block * block;
}

std::optional<uint32_t> TcpFlow::index_of_sent(ByteView frame) const {
    if (frame.size() < syn_size) {
        return std::nullopt;
    }
    const ByteView syn = frame.last(syn_size);
    const uint32_t index = index_of(get<uint32_t>(syn, 4));
    if (syn[13] != flag_syn || get<uint16_t>(syn, 0) != port_of(index)) {
        return std::nullopt;
    }
    return index;
}

bool TcpFlow::is_quoted(ByteView quoted) const {
    return quoted.size() >= 8 && get<uint16_t>(quoted, 2) == target_.port &&
           get<uint16_t>(quoted, 0) == port_of(index_of(get<uint32_t>(quoted, 4)));
}

// RFC 9293 section 3.5.2: a reset in answer to a segment with an acknowledgement takes its number.
size_t TcpFlow::construct_farewell(const Answer& answer, Room room) const {
    if (answer.refused) {
        return 0;
    }
    const Room reset = room.first(reset_size);
    std::fill(reset.begin(), reset.end(), uint8_t{0});
    put(reset, 0, port_of(answer.index));
    put(reset, 2, target_.port);
    put(reset, 4, sequence_of(answer.closes) + 1);
    reset[13] = flag_reset;
    finish(reset);
    return reset_size;
}

std::string TcpFlow::description() const {
    return fmt::format("{} flows in rotation: source ports {} to {}", ports_.size(), ports_.front(),
                       ports_.back());
}

}  // namespace rehome::probe
