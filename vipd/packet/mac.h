// An Ethernet (IEEE 802) address, in the order of the wire.
#pragma once

#include <array>
#include <cstdint>

namespace rehome::vipd {

using Mac = std::array<uint8_t, 6>;

}  // namespace rehome::vipd
