// Time as the core takes it: handed in by the caller, never read.
#pragma once

#include <cstdint>

namespace rehome::vipd {

using Micros = int64_t;  // CLOCK_MONOTONIC

}  // namespace rehome::vipd
