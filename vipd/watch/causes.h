// The causes for which a client is not served, or not as placed, by what was found out.
#pragma once

#include <vector>

#include "vipd/watch/explain_client.h"

namespace rehome::vipd {

// What is known of one client and VIP.
struct Evidence {
    const Live& live;
    const Wanted& wanted;
    const ServiceTable* service = nullptr;  // null: none, or a map's
    bool mapped = false;
    std::optional<size_t> line;  // by which the client comes in; nothing: by none
    std::vector<BothWays> tries;
};

// The first one is the most likely; each once.
std::vector<Cause> causes_of(const Evidence& evidence);

}  // namespace rehome::vipd
