#include "vipd/adapter/devices.h"

namespace rehome::vipd {

void Devices::take(const LinkMessage& link, std::vector<DeviceState>& into) const {
    for (size_t i = 0; i < ports_.size(); ++i) {
        if (link.interface == ports_[i].twin) {
            into[i].twin = !link.removed;
        }
        if (link.interface == ports_[i].device) {
            DeviceState& device = into[i];
            const uint16_t mtu = link.mtu == 0 ? device.mtu : link.mtu;  // not told
            device = {!link.removed, !link.removed && link.carrier, device.twin, mtu, link.mac,
                      link.unsent};
        }
    }
}

void Devices::take_all(std::span<const LinkMessage> links) {
    std::vector<DeviceState> fresh = now_;
    for (size_t i = 0; i < ports_.size(); ++i) {
        fresh[i].twin = false;
        fresh[i].there = fresh[i].carrier = ports_[i].device == 0;
    }
    for (const LinkMessage& link : links) {
        take(link, fresh);
    }
    now_ = std::move(fresh);
}

}  // namespace rehome::vipd
