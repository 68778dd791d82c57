// The pool of packet buffers that all ports and workers take from.
#pragma once

#include <cstdint>
#include <memory>

#include "common/error.h"

struct rte_mempool;

namespace rehome::vipd {

struct PoolDeleter {
    void operator()(rte_mempool* pool) const;
};
using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

// A pool of so many packet buffers, or some few less, with DPDK's usual headroom, in one piece,
// every one of which AF_XDP takes (pool.cpp).  A port keeps up to 8,192 of them in its rings.
Result<Pool> make_pool(const char* name, uint32_t packets);
// One of packets of so many bytes, which AF_XDP does not take.
Result<Pool> make_pool(const char* name, uint32_t packets, uint32_t bytes);

// The largest MTU whose frames fit such a buffer, whatever driver filled it.
inline constexpr uint16_t mtu_max = 1750;

}  // namespace rehome::vipd
