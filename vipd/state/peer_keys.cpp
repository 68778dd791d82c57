#include "vipd/state/peer_keys.h"

#include <algorithm>

namespace rehome::vipd {

bool PeerKeys::signed_by_peer(std::span<const uint8_t> handshake) const {
    const auto said = decode_handshake(handshake);
    return said && std::any_of(handshakes.begin(), handshakes.end(), [&](const HandshakeKey& k) {
               return k.key_id == said->key_id && is_signed(handshake, k.key);
           });
}

std::shared_ptr<const PeerKeys> make_peer_keys(const Keyring& ring, const TunnelPair& pair,
                                               const Agreement& agreement, bool speaks) {
    auto made = std::make_shared<PeerKeys>();
    const FileKey& first = ring.keys.front();
    made->epochs = {agreement.current(), agreement.previous()};
    if (const auto& epoch = agreement.signs_by()) {
        made->sign = signing_keys(first, pair, *epoch);
    }
    for (const FileKey& key : ring.keys) {
        for (size_t slot = 0; slot < made->epochs.size(); ++slot) {
            if (const auto& epoch = made->epochs[slot]) {
                made->verify.push_back(verifying_keys(key, pair, *epoch));
                made->verify.back().slot = static_cast<uint8_t>(slot);
            }
        }
        made->handshakes.push_back({key.id, handshake_verifying_key(key, pair)});
    }
    if (speaks) {
        made->says = encode(agreement.says(first.id), handshake_signing_key(first, pair));
    }
    return made;
}

}  // namespace rehome::vipd
