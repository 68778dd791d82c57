#include "vipd/state/share.h"

#include <algorithm>
#include <array>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

bool Share::holds(const Endpoint& client) const {
    std::array<uint8_t, 18> bytes{};
    std::copy(client.address.bytes.begin(), client.address.bytes.end(), bytes.begin());
    store16(&bytes[16], by == ShareBy::address ? uint16_t{0} : client.port);
    return hash_bytes(bytes, HashKey::share) % 10'000 < hundredths;
}

}  // namespace rehome::vipd
