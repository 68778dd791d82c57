#include "vipd/flow/path_mtus.h"

namespace rehome::vipd {

void PathMtus::tell(const Address& server, uint16_t mtu, Micros now) {
    const auto found = known_.find(server);
    if (found != known_.end() && found->second.mtu <= mtu) {
        return;
    }
    if (found == known_.end() && known_.size() == most) {
        known_.erase(std::min_element(
            known_.begin(), known_.end(),
            [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
    }
    known_[server] = {mtu, now + path_mtu_kept};
    find_least();
}

uint16_t PathMtus::to(const Address& server, uint16_t first_link) const {
    const auto found = known_.find(server);
    return found == known_.end() ? first_link : std::min(found->second.mtu, first_link);
}

void PathMtus::expire(Micros now) {
    if (now < next_end_) {
        return;
    }
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
    find_least();
}

void PathMtus::find_least() {
    least_ = UINT16_MAX;
    next_end_ = INT64_MAX;
    for (const auto& [server, known] : known_) {
        least_ = std::min(least_, known.mtu);
        next_end_ = std::min(next_end_, known.until);
    }
}

}  // namespace rehome::vipd
