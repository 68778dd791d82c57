// See service.h.
#include "probe/core/service.h"

#include <algorithm>

namespace rehome::probe {

namespace {

Service service_of(const Counts& counts, bool address_answers) {
    const uint32_t accepted = counts.received - counts.refused - counts.half_open;
    if (accepted != 0) {
        return counts.refused != 0 ? Service::up_resets : Service::up;
    }
    if (counts.refused != 0) {
        return Service::resets;
    }
    if (counts.half_open != 0) {
        return Service::half_open;
    }
    return address_answers ? Service::dead : Service::unknown;
}

}  // namespace

std::string_view name(Service service) {
    switch (service) {
        case Service::up:
            return "up";
        case Service::resets:
            return "resets";
        case Service::up_resets:
            return "up and resets";
        case Service::half_open:
            return "half open";
        case Service::dead:
            return "dead";
        case Service::unknown:
            break;
    }
    return "unknown";
}

void judge_services(std::vector<Figures>& kinds) {
    for (Figures& figures : kinds) {
        if (figures.path.kind != Kind::tcp) {
            continue;
        }
        const Address& address = figures.path.target.address;
        const bool answers =
            std::any_of(kinds.begin(), kinds.end(), [&address](const Figures& other) {
                return other.path.target.address == address && other.counts.received != 0;
            });
        figures.service = service_of(figures.counts, answers);
        figures.path_whole = answers;
    }
}

}  // namespace rehome::probe
