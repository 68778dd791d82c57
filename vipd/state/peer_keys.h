// What workers need to sign what they send to a peer, and to know what it signs: made of the file's
// keys and of what is agreed with it, and part of a snapshot.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/state/agreement.h"

namespace rehome::vipd {

struct PeerKeys {
    struct HandshakeKey {
        uint8_t key_id = 0;
        SipKey key;
    };

    std::optional<EpochKeys> sign;  // nothing: the peer cannot verify yet
    std::vector<EpochKeys> verify;  // each key of the file, of each epoch
    std::vector<HandshakeKey> handshakes;
    std::vector<uint8_t> says;                      // with each keepalive; empty: nothing
    std::array<std::optional<KeyEpoch>, 2> epochs;  // by slot: in force, and the one before

    // Whether the peer itself has signed a handshake, by a key of the file.
    bool signed_by_peer(std::span<const uint8_t> handshake) const;
};

// speaks: the peer is told our handshake.
std::shared_ptr<const PeerKeys> make_peer_keys(const Keyring& ring, const TunnelPair& pair,
                                               const Agreement& agreement, bool speaks);

}  // namespace rehome::vipd
