// Which of the clients the other site gets: a share by a hash of the client, so that nothing has to
// be remembered of any, and a larger share contains the smaller.
#pragma once

#include <cstdint>

#include "common/address.h"
#include "vipd/placement/shares.h"

namespace rehome::vipd {

struct Share {
    uint32_t hundredths = 0;  // of a percent: 10,000 is everybody
    ShareBy by = ShareBy::address;

    // Whether this client's new flows go to the other site.
    bool relays(const Endpoint& client) const { return hundredths != 0 && holds(client); }

    bool operator==(const Share&) const = default;

private:
    bool holds(const Endpoint& client) const;
};

}  // namespace rehome::vipd
