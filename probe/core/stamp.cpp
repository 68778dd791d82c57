// See stamp.h.
#include "probe/core/stamp.h"

#include <algorithm>

namespace rehome::probe {

namespace {

constexpr Nanos second = 1'000'000'000;
constexpr int64_t seconds_1900_to_1970 = 2'208'988'800;

}  // namespace

NtpTime ntp_of(Nanos time) {
    Nanos seconds = time / second;
    Nanos rest = time % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    // Rounded up, so that a time comes back as the nanosecond that it was.
    const uint64_t fraction = ((static_cast<uint64_t>(rest) << 32) + second - 1) / second;
    return static_cast<uint64_t>(seconds + seconds_1900_to_1970) << 32 | fraction;
}

// RFC 4330 section 3: a clear first bit means the era that begins in 2036.
Nanos unix_of(NtpTime time) {
    int64_t seconds = static_cast<int64_t>(time >> 32);
    if (seconds < int64_t{1} << 31) {
        seconds += int64_t{1} << 32;
    }
    const uint64_t fraction = time & 0xffffffff;
    return (seconds - seconds_1900_to_1970) * second + static_cast<Nanos>(fraction * second >> 32);
}

uint16_t error_estimate(Nanos error, bool synchronised) {
    // error = mantissa * 2^-32 * 2^exponent seconds, rounded up, the mantissa in eight bits
    uint64_t mantissa = (static_cast<uint64_t>(std::clamp<Nanos>(error, 1, 4 * second)) << 32) /
                            static_cast<uint64_t>(second) +
                        1;
    unsigned exponent = 0;
    while (mantissa > 0xff) {
        mantissa = (mantissa + 1) >> 1;
        ++exponent;
    }
    return static_cast<uint16_t>((synchronised ? 0x8000u : 0u) | exponent << 8 | mantissa);
}

size_t construct_request(const StampRequest& request, Room room) {
    const Room packet = room.first(stamp_size);
    std::fill(packet.begin(), packet.end(), uint8_t{0});
    put(packet, 0, request.sequence);
    put(packet, 4, request.sent);
    put(packet, 12, request.error);
    return stamp_size;
}

// The reserved bytes are ignored on receipt (RFC 8762 section 4.2.1), and so is what follows.
tl::expected<StampRequest, Refusal> deconstruct_request(ByteView message) {
    if (message.size() < stamp_size) {
        return tl::unexpected(Refusal::truncated);
    }
    return StampRequest{.sequence = get<uint32_t>(message, 0),
                        .sent = get<uint64_t>(message, 4),
                        .error = get<uint16_t>(message, 12)};
}

tl::expected<size_t, Refusal> construct_reply(ByteView message, const Reflecting& own, Room room) {
    const auto request = deconstruct_request(message);
    if (!request || room.size() < message.size()) {
        return tl::unexpected(Refusal::truncated);
    }
    std::copy(message.begin() + stamp_size, message.end(), room.begin() + stamp_size);
    const Room packet = room.first(stamp_size);
    std::fill(packet.begin(), packet.end(), uint8_t{0});
    put(packet, 0, request->sequence);
    put(packet, 4, own.sent);
    put(packet, 12, own.error);
    put(packet, 16, own.received);
    put(packet, 24, request->sequence);
    put(packet, 28, request->sent);
    put(packet, 36, request->error);
    packet[40] = own.ttl;
    return message.size();
}

tl::expected<StampReply, Refusal> deconstruct_reply(ByteView message) {
    if (message.size() < stamp_size) {
        return tl::unexpected(Refusal::truncated);
    }
    return StampReply{.sequence = get<uint32_t>(message, 0),
                      .sent = get<uint64_t>(message, 4),
                      .error = get<uint16_t>(message, 12),
                      .received = get<uint64_t>(message, 16),
                      .request = {.sequence = get<uint32_t>(message, 24),
                                  .sent = get<uint64_t>(message, 28),
                                  .error = get<uint16_t>(message, 36)},
                      .ttl = message[40]};
}

}  // namespace rehome::probe
