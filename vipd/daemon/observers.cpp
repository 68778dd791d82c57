#include "vipd/daemon/observers.h"

namespace rehome::vipd {

Result<> Observers::capture_into(Rings rings) {
    rings_ = std::move(rings);
    return tell_workers();
}

Result<> Observers::count_in(Tops tops) {
    tops_ = std::move(tops);
    return tell_workers();
}

Result<> Observers::tell_workers() const {
    for (size_t i = 0; i < workers_.size(); ++i) {
        const auto ring = rings_.empty() ? nullptr : rings_[i];
        const auto top = tops_.empty() ? nullptr : tops_[i];
        const bool wanted = ring != nullptr || top != nullptr;
        auto observer = wanted ? std::make_shared<Observer>(ring, top) : nullptr;
        if (auto done = workers_[i]->set_observer(std::move(observer)); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace rehome::vipd
