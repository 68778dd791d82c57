// How many flows each server of this site has, counted when somebody asks: nothing is counted while
// packets pass.  Of a large table a sample is looked at, so that asking costs a worker some
// milliseconds at most, in pieces between two bursts.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/error.h"
#include "vipd/daemon/workers.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

struct Census {
    std::map<uint32_t, std::vector<uint64_t>> flows;  // by a service's number, by server
    uint64_t one_in = 1;                              // of how many flows one was looked at

    uint64_t of(const ServiceTable& service, size_t server) const {
        const auto found = flows.find(service.number);
        return found == flows.end() ? 0 : found->second[server];
    }
};

Result<Census> count_flows(const Workers& workers, const Tables& tables);

}  // namespace rehome::vipd
