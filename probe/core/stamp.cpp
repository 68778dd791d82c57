// See stamp.h.
#include "probe/core/stamp.h"

#include <algorithm>

#include "common/hmac.h"

namespace rehome::probe {

namespace {

constexpr Nanos second = 1'000'000'000;
constexpr int64_t seconds_1900_to_1970 = 2'208'988'800;

// Where the fields of a mode stand.
struct Layout {
    size_t size, sent, error, session, received, their_sequence, their_sent, their_error, ttl;
};
constexpr Layout unauthenticated{stamp_size, 4, 12, 14, 16, 24, 28, 36, 40};
constexpr Layout authenticated{authenticated_size, 16, 24, 26, 32, 48, 64, 72, 80};
constexpr size_t hmac_at = authenticated_size - stamp_hmac_size;

const Layout& layout_of(const StampKey& key) {
    return key.empty() ? unauthenticated : authenticated;
}

void sign(Room packet, const StampKey& key) {
    if (!key.empty()) {
        const auto digest = hmac_sha256(key, packet.first(hmac_at));
        std::copy_n(digest.begin(), stamp_hmac_size, packet.begin() + hmac_at);
    }
}

bool is_signed(ByteView packet, const StampKey& key) {
    if (key.empty()) {
        return true;
    }
    if (packet.size() < authenticated_size) {
        return false;
    }
    const auto digest = hmac_sha256(key, packet.first(hmac_at));
    return same_digest(ByteView(digest).first(stamp_hmac_size),
                       packet.subspan(hmac_at, stamp_hmac_size));
}

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

size_t construct_request(const StampRequest& request, const StampKey& key, Room room) {
    const Layout& at = layout_of(key);
    const Room packet = room.first(at.size);
    std::fill(packet.begin(), packet.end(), uint8_t{0});
    put(packet, 0, request.sequence);
    put(packet, at.sent, request.sent);
    put(packet, at.error, request.error);
    put(packet, at.session, request.session);
    sign(packet, key);
    return at.size;
}

// The reserved bytes are ignored on receipt (RFC 8762 section 4.2.1).
tl::expected<StampRequest, Refusal> deconstruct_request(ByteView message, const StampKey& key) {
    if (message.size() < shortest_request) {
        return tl::unexpected(Refusal::truncated);
    }
    if (!is_signed(message, key)) {
        return tl::unexpected(Refusal::unauthentic);
    }
    return read_request(message, key);
}

StampRequest read_request(ByteView message, const StampKey& key) {
    const Layout& at = layout_of(key);
    const bool whole = message.size() >= at.size;
    return StampRequest{
        .sequence = get<uint32_t>(message, 0),
        .sent = get<uint64_t>(message, at.sent),
        .error = get<uint16_t>(message, at.error),
        .session = whole ? get<uint16_t>(message, at.session) : uint16_t{0},
    };
}

size_t reply_size(size_t message_size, const StampKey& key) {
    return std::max(message_size, base_size(key));
}

size_t construct_reply(ByteView message, const Reflecting& own, const StampKey& key, Room room) {
    const Layout& at = layout_of(key);
    const StampRequest request = read_request(message, key);
    const size_t size = reply_size(message.size(), key);
    if (message.size() > at.size) {
        std::copy(message.begin() + static_cast<ptrdiff_t>(at.size), message.end(),
                  room.begin() + static_cast<ptrdiff_t>(at.size));
    }
    const Room packet = room.first(at.size);
    std::fill(packet.begin(), packet.end(), uint8_t{0});
    put(packet, 0, own.sequence);
    put(packet, at.sent, own.sent);
    put(packet, at.error, own.error);
    put(packet, at.session, request.session);
    put(packet, at.received, own.received);
    put(packet, at.their_sequence, request.sequence);
    put(packet, at.their_sent, request.sent);
    put(packet, at.their_error, request.error);
    packet[at.ttl] = own.ttl;
    sign(packet, key);
    return size;
}

tl::expected<StampReply, Refusal> deconstruct_reply(ByteView message, const StampKey& key) {
    const Layout& at = layout_of(key);
    if (message.size() < at.size) {
        return tl::unexpected(Refusal::truncated);
    }
    if (!is_signed(message, key)) {
        return tl::unexpected(Refusal::unauthentic);
    }
    return StampReply{.sequence = get<uint32_t>(message, 0),
                      .sent = get<uint64_t>(message, at.sent),
                      .error = get<uint16_t>(message, at.error),
                      .received = get<uint64_t>(message, at.received),
                      .request = {.sequence = get<uint32_t>(message, at.their_sequence),
                                  .sent = get<uint64_t>(message, at.their_sent),
                                  .error = get<uint16_t>(message, at.their_error),
                                  .session = get<uint16_t>(message, at.session)},
                      .ttl = message[at.ttl]};
}

bool is_reply(ByteView message, const StampKey& key) {
    const Layout& at = layout_of(key);
    if (message.size() < at.size) {
        return false;
    }
    const auto received = get<NtpTime>(message, at.received);
    const NtpTime held = get<NtpTime>(message, at.sent) - received;
    constexpr NtpTime one_second = NtpTime{1} << 32;
    return received != 0 && (held < one_second || held > -one_second);
}

}  // namespace rehome::probe
