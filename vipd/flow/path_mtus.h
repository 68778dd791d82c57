// What packets' longest way to some servers carries, as routers have told (RFC 1191, RFC 2003 5.1).
//
// Forgotten after 10 minutes (RFC 1191 6.3), when a larger one may be tried again.  Bounded: the
// oldest gives way.  One worker's own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "common/address.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

inline constexpr Micros path_mtu_kept = 600'000'000;

class PathMtus {
public:
    static constexpr size_t most = 1024;

    // Only a smaller one than is known counts.
    void tell(const Address& server, uint16_t mtu, Micros now);
    // Of a way whose first link carries so much.
    uint16_t to(const Address& server, uint16_t first_link) const;
    void expire(Micros now);

    // Nothing to any server is known to carry less.
    uint16_t least() const { return least_; }

private:
    struct Known {
        uint16_t mtu;
        Micros until;
    };

    void find_least();

    std::map<Address, Known> known_;
    uint16_t least_ = UINT16_MAX;
    Micros next_end_ = INT64_MAX;
};

}  // namespace rehome::vipd
