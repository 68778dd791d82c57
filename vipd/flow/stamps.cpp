#include "vipd/flow/stamps.h"

namespace rehome::vipd {

namespace {

constexpr uint16_t first = 1;

}  // namespace

Stamps::Stamps()
    : now_(part_slots, first),
      last_(part_slots, first),
      oldest_(part_slots, first),
      at_round_(part_slots, first) {}

void Stamps::renew(uint32_t slot) {
    const auto behind = static_cast<uint16_t>(last_[slot] + 1);
    const uint16_t next = behind == withheld ? first : behind;
    if (next == oldest_[slot]) {
        now_[slot] = withheld;
        return;
    }
    last_[slot] = now_[slot] = next;
}

void Stamps::follow(const PartVersions& versions) {
    for (uint32_t slot = 0; slot < part_slots; ++slot) {
        if (versions_[slot] != versions[slot]) {
            versions_[slot] = versions[slot];
            renew(slot);
        }
    }
}

void Stamps::round_is_over() {
    oldest_ = at_round_;
    at_round_ = last_;
    for (uint32_t slot = 0; slot < part_slots; ++slot) {
        if (now_[slot] == withheld) {
            renew(slot);
        }
    }
}

}  // namespace rehome::vipd
