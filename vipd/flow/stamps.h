// Stamps: how an entry knows that what was decided about its flow is still what would be decided.
//
// A decision to follow an entry depends on parts of the tables: the entry's server is one of its
// service's, the VIP moves, no map or pool has taken an address of the flow.  Tables count the
// changes of those parts, in slots by the servers' addresses (PartVersions).  Here each slot has a
// stamp: an entry that is decided about gets the slot's, and as long as both are the same nothing
// that it depended on has changed.  A change of one server touches the flows of that server, and of
// the few others of its slot, and no entry until a packet of it comes.
//
// A stamp has 16 bits, and must not come round while an entry still has it.  So one is given again
// only after a round of the table (FlowTable::expire) has cleared it wherever it was left; where
// the stamps run out before, the slot has none, and its flows are decided about packet by packet.
//
// One worker's own.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vipd/state/parts.h"

namespace rehome::vipd {

class Stamps {
public:
    static constexpr uint16_t none = 0;  // of an entry that has to be decided about

    Stamps();

    // Whether an entry with that stamp, to a server of that slot, needs no decision.
    bool holds(uint16_t stamp, uint32_t slot) const { return stamp == now_[slot]; }
    // What an entry of the slot gets that is decided about now.
    uint16_t give(uint32_t slot) const { return now_[slot] == withheld ? none : now_[slot]; }

    // Slots whose version is another than the last time get a new stamp.
    void follow(const PartVersions& versions);

    // All entries have been seen since the last call, and those whose stamp did not hold have none.
    void round_is_over();

private:
    static constexpr uint16_t withheld = UINT16_MAX;  // of a slot; no entry has it

    void renew(uint32_t slot);

    PartVersions versions_{};
    std::vector<uint16_t> now_;
    std::vector<uint16_t> last_;      // given; now_, unless that is withheld
    std::vector<uint16_t> oldest_;    // that an entry may have
    std::vector<uint16_t> at_round_;  // last_ as the round began
};

}  // namespace rehome::vipd
