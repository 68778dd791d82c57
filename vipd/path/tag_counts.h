// What a worker counts of tags: those that it has put itself, and in windows those of its peers'
// workers.  A counted message comes to the worker that owns its client, or to all of them: who
// sends one again finds it known.
//
// One worker's own.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "vipd/packet/replay_window.h"
#include "vipd/packet/tag.h"
#include "vipd/state/snapshot.h"

namespace rehome::vipd {

class TagCounts {
public:
    explicit TagCounts(uint32_t worker) : worker_(static_cast<uint8_t>(worker)) {}

    // The windows of key epochs that go on stay, the others begin anew.
    void take(const Snapshot& snapshot);

    Signing signing(const Snapshot::Peer& peer);
    // False: it was here before.
    bool take(size_t peer, uint8_t slot, const Tag& tag);

private:
    static constexpr size_t workers_max = 16;
    struct Epoch {
        std::optional<KeyEpoch> of;
        std::array<ReplayWindow, workers_max> windows;  // by the sender's worker
    };

    uint8_t worker_;
    uint64_t counted_ = 0;
    std::vector<std::array<Epoch, 2>> peers_;  // by slot
};

}  // namespace rehome::vipd
