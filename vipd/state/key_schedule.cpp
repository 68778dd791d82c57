#include "vipd/state/key_schedule.h"

#include <algorithm>
#include <string_view>

#include "common/hmac.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

// From one gateway to the other: who sends, who receives, and their nonces in this order.
struct Direction {
    Address from, to;
    uint64_t sender = 0, receiver = 0;
};

std::array<uint8_t, 32> derive(const FileKey& key, std::string_view use, const Direction& way) {
    constexpr size_t use_bytes = 32, address_bytes = 17;
    std::array<uint8_t, use_bytes + 2 * address_bytes + 16> message{};
    std::copy_n(use.begin(), std::min(use.size(), use_bytes), message.begin());
    auto at = message.begin() + use_bytes;
    for (const Address* address : {&way.from, &way.to}) {
        *at++ = static_cast<uint8_t>(address->family);
        at = std::copy(address->bytes.begin(), address->bytes.end(), at);
    }
    store64(&*at, way.sender);
    store64(&*at + 8, way.receiver);
    return hmac_sha256(key.secret, message);
}

EpochKeys keys_of(const FileKey& key, const Direction& way) {
    const auto derived = derive(key, "rehome vipd tags 1", way);
    const auto epoch = static_cast<uint16_t>(mix(way.sender + mix(way.receiver)));
    return {key.id,
            epoch,
            0,
            {{sip_word(&derived[0]), sip_word(&derived[8])},
             {sip_word(&derived[16]), sip_word(&derived[24])}}};
}

SipKey handshake_key(const FileKey& key, const Direction& way) {
    const auto derived = derive(key, "rehome vipd handshake 1", way);
    return {sip_word(&derived[0]), sip_word(&derived[8])};
}

}  // namespace

EpochKeys signing_keys(const FileKey& key, const TunnelPair& pair, const KeyEpoch& epoch) {
    return keys_of(key, {pair.own, pair.peer, epoch.own, epoch.theirs});
}

EpochKeys verifying_keys(const FileKey& key, const TunnelPair& pair, const KeyEpoch& epoch) {
    return keys_of(key, {pair.peer, pair.own, epoch.theirs, epoch.own});
}

SipKey handshake_signing_key(const FileKey& key, const TunnelPair& pair) {
    return handshake_key(key, {pair.own, pair.peer});
}

SipKey handshake_verifying_key(const FileKey& key, const TunnelPair& pair) {
    return handshake_key(key, {pair.peer, pair.own});
}

}  // namespace rehome::vipd
