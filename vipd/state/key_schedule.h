// The keys of the file, and those that are made of them: by HMAC-SHA-256 over what they are for,
// the sender, the receiver and the two nonces of the key epoch, so that no two directions, peers,
// epochs or uses share one.
//
// The file's first key signs, all of them verify: so that a key can be replaced without a moment in
// which gateways do not understand each other.  Which key a message is signed by is said by its id.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"
#include "vipd/packet/tag.h"

namespace rehome::vipd {

struct FileKey {
    uint8_t id = 0;  // never 0
    std::array<uint8_t, 32> secret{};

    bool operator==(const FileKey&) const = default;
};

struct Keyring {
    static constexpr size_t keys_max = 2;
    std::vector<FileKey> keys;  // the first one signs; at least one

    bool operator==(const Keyring&) const = default;
};

// Between two gateways: each has drawn a nonce, which the other has told back (agreement.h).
struct KeyEpoch {
    uint64_t own = 0, theirs = 0;

    bool operator==(const KeyEpoch&) const = default;
};

// A pair of gateways, by their tunnel addresses.
struct TunnelPair {
    Address own, peer;
};

// What a gateway signs with, or verifies by.
struct EpochKeys {
    uint8_t key_id = 0;
    uint16_t epoch = 0;  // as tags have it
    uint8_t slot = 0;    // 0: of the epoch in force, 1: of the one before
    TagKeys keys;
};

EpochKeys signing_keys(const FileKey& key, const TunnelPair& pair, const KeyEpoch& epoch);
EpochKeys verifying_keys(const FileKey& key, const TunnelPair& pair, const KeyEpoch& epoch);

// The keys of handshakes, which come before any epoch.
SipKey handshake_signing_key(const FileKey& key, const TunnelPair& pair);
SipKey handshake_verifying_key(const FileKey& key, const TunnelPair& pair);

}  // namespace rehome::vipd
