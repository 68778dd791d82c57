#include "vipd/path/tag_counts.h"

#include <algorithm>

namespace rehome::vipd {

void TagCounts::take(const Snapshot& snapshot) {
    peers_.resize(std::max(peers_.size(), snapshot.peers.size()));
    for (size_t i = 0; i < snapshot.peers.size(); ++i) {
        const auto& keys = snapshot.peers[i].keys;
        const auto epochs = keys == nullptr ? decltype(keys->epochs){} : keys->epochs;
        auto& kept = peers_[i];
        if (kept[0].of != epochs[0]) {
            kept[1] = kept[0];
            kept[0] = {epochs[0], {}};
        }
        if (kept[1].of != epochs[1]) {
            kept[1] = {epochs[1], {}};
        }
    }
}

Signing TagCounts::signing(const Snapshot::Peer& peer) {
    if (peer.keys == nullptr || !peer.keys->sign) {
        return {};
    }
    const EpochKeys& sign = *peer.keys->sign;
    return {&sign.keys, sign.key_id, worker_, sign.epoch, &counted_};
}

bool TagCounts::take(size_t peer, uint8_t slot, const Tag& tag) {
    return tag.worker < workers_max && peers_[peer][slot].windows[tag.worker].take(tag.counter);
}

}  // namespace rehome::vipd
