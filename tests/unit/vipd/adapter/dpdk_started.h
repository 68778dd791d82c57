// DPDK's memory for tests, started once a process.
#pragma once

#include "vipd/adapter/dpdk.h"

namespace rehome::vipd {

inline bool dpdk_started() {
    static const bool started = start_dpdk({.mib = 64, .hugepages = false}).has_value();
    return started;
}

}  // namespace rehome::vipd
