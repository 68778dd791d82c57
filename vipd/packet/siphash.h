// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): 64 bits over a message,
// under a key of 128 that whoever lacks it cannot tell from chance.
//
// For a message of whole words, add() each and finish() with what is left of it: up to seven bytes,
// and its length in the byte above.  A word is eight bytes as a little-endian machine reads them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace rehome::vipd {

struct SipKey {
    uint64_t low = 0, high = 0;

    bool operator==(const SipKey&) const = default;
};

inline uint64_t sip_word(const uint8_t* at) {
    static_assert(std::endian::native == std::endian::little);
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

class SipHash {
public:
    explicit SipHash(const SipKey& key)
        : a_(0x736f6d6570736575ULL ^ key.low),
          b_(0x646f72616e646f6dULL ^ key.high),
          c_(0x6c7967656e657261ULL ^ key.low),
          d_(0x7465646279746573ULL ^ key.high) {}

    [[gnu::always_inline]] void add(uint64_t word) {
        d_ ^= word;
        round();
        round();
        a_ ^= word;
    }

    [[gnu::always_inline]] uint64_t finish(uint64_t last) {
        add(last);
        c_ ^= 0xff;
        round();
        round();
        round();
        round();
        return a_ ^ b_ ^ c_ ^ d_;
    }

private:
    [[gnu::always_inline]] void round() {
        a_ += b_;
        c_ += d_;
        b_ = std::rotl(b_, 13) ^ a_;
        d_ = std::rotl(d_, 16) ^ c_;
        a_ = std::rotl(a_, 32);
        c_ += b_;
        a_ += d_;
        b_ = std::rotl(b_, 17) ^ c_;
        d_ = std::rotl(d_, 21) ^ a_;
        c_ = std::rotl(c_, 32);
    }

    uint64_t a_, b_, c_, d_;
};

// Adds the whole words of the bytes; what is left of them, for finish().
inline uint64_t sip_words(SipHash& hash, std::span<const uint8_t> bytes) {
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        hash.add(sip_word(bytes.data()));
    }
    uint64_t rest = 0;
    if (!bytes.empty()) {
        std::memcpy(&rest, bytes.data(), bytes.size());
    }
    return rest;
}

inline uint64_t siphash(const SipKey& key, std::span<const uint8_t> message) {
    SipHash hash(key);
    const uint64_t rest = sip_words(hash, message);
    return hash.finish(rest | uint64_t{message.size() & 0xff} << 56);
}

}  // namespace rehome::vipd
