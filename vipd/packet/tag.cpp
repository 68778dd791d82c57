#include "vipd/packet/tag.h"

#include <algorithm>
#include <array>

namespace rehome::vipd {

namespace {

constexpr uint32_t plain_bytes = 16;  // behind the headers, of TCP and UDP
constexpr uint32_t other_bytes = 64;  // more, of everything else

// Bytes from there, zeros beyond the end.
template <size_t Bytes>
[[gnu::noinline]] SipHash with_padded(SipHash hash, const uint8_t* at, uint32_t there) {
    std::array<uint8_t, Bytes> padded{};
    std::copy_n(at, std::min<size_t>(there, Bytes), padded.begin());
    sip_words(hash, padded);
    return hash;
}

// What a whole TCP or UDP packet does not need.  By value: so the hash stays in registers for
// those.
[[gnu::noinline]] SipHash with_other(SipHash hash, const uint8_t* ip, const Packet& inner) {
    hash.add(uint64_t{inner.fragment_id} | uint64_t{inner.fragment_offset} << 32 |
             uint64_t{inner.more_fragments} << 48 | uint64_t{inner.fragment} << 49);
    const uint32_t from = inner.l4 + plain_bytes;
    if (from < inner.end) {
        hash = with_padded<other_bytes>(hash, ip + (from - inner.ip), inner.end - from);
    }
    return hash;
}

}  // namespace

uint64_t tag_of_packet(const SipKey& key, uint64_t header, const Tag& tag, const uint8_t* ip,
                       const Packet& inner) {
    SipHash hash(key);
    hash.add(header);
    if (inner.family == Family::v4) {
        hash.add(sip_word(ip + 12));
    } else {
        for (uint32_t at = 8; at < 40; at += 8) {
            hash.add(sip_word(ip + at));
        }
    }
    const uint32_t l4 = inner.l4 - inner.ip, length = inner.end - inner.ip;
    if (length - l4 >= plain_bytes) [[likely]] {
        hash.add(sip_word(ip + l4));
        hash.add(sip_word(ip + l4 + 8));
    } else {
        hash = with_padded<plain_bytes>(hash, ip + l4, length - l4);
    }
    const bool plain = inner.has_ports && !inner.fragment;
    if (!plain) [[unlikely]] {
        hash = with_other(hash, ip, inner);
    }
    if (tag.counter != 0) [[unlikely]] {
        hash.add(tag.counter);
    }
    // The byte of the length tells apart what has other words before this one.
    const uint64_t shape =
        (inner.family == Family::v4 ? 0U : 1U) | (plain ? 0U : 2U) | (tag.counter != 0 ? 4U : 0U);
    const uint8_t protocol = inner.later_fragment() ? 0 : inner.protocol;  // the first one's to say
    return hash.finish(uint64_t{protocol} | uint64_t{tag.worker} << 8 | uint64_t{l4} << 16 |
                       uint64_t{length} << 32 | shape << 56);
}

uint64_t tag_of_control(const SipKey& key, uint8_t control, const Tag& tag,
                        std::span<const uint8_t> said) {
    SipHash hash(key);
    hash.add(uint64_t{control} | uint64_t{tag.worker} << 8 | uint64_t{said.size()} << 32);
    hash.add(tag.counter);
    return hash.finish(sip_words(hash, said) | uint64_t{said.size() & 7} << 56);
}

}  // namespace rehome::vipd
