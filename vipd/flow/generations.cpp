#include "vipd/flow/generations.h"

namespace rehome::vipd {

namespace {

void add(Generations::Older& to, const Generations::Older& more) {
    to.tcp += more.tcp;
    to.udp += more.udp;
}

}  // namespace

void Generations::begin() {
    ++current_;
    for (Counted& service : services_) {
        add(service.old, service.fresh);
        service.fresh = {};
    }
}

void Generations::count(const Flow& flow, int by) {
    if (flow.service >= services_.size()) {
        services_.resize(flow.service + 1);
    }
    Counted& service = services_[flow.service];
    Older& of = flow.born == current_ ? service.fresh : service.old;
    (flow.tcp() ? of.tcp : of.udp) += static_cast<uint32_t>(by);
}

Generations::Older Generations::older(std::optional<uint32_t> service) const {
    if (service) {
        return *service < services_.size() ? services_[*service].old : Older{};
    }
    Older all;
    for (const Counted& one : services_) {
        add(all, one.old);
    }
    return all;
}

}  // namespace rehome::vipd
