// See sessions.h.
#include "probe/core/sessions.h"

#include "probe/core/source_limits.h"

namespace rehome::probe {

size_t Sessions::Hash::operator()(const SessionId& id) const {
    const uint64_t ports = uint64_t{id.from.port} << 16 | id.session;
    return hash_of(id.to, hash_of(id.from.address, mixed(ports ^ secret)));
}

// Those that were idle for too long, and the oldest where there is no room for another.
void Sessions::forget(Nanos now) {
    while (!order_.empty() &&
           (now - order_.front().used > idle_at_most_ || order_.size() > at_most_)) {
        known_.erase(order_.front().id);
        order_.pop_front();
    }
}

Session& Sessions::find(const SessionId& id, Nanos now) {
    forget(now);
    const auto known = known_.find(id);
    if (known != known_.end()) {
        order_.splice(order_.end(), order_, known->second);
        known->second->used = now;
        return known->second->session;
    }
    order_.push_back({.id = id, .session = {.id = static_cast<uint32_t>(ids_())}, .used = now});
    known_.emplace(id, std::prev(order_.end()));
    forget(now);
    return order_.back().session;
}

}  // namespace rehome::probe
