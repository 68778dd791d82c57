// Time as the core takes it: handed in by the caller, never read.
#pragma once

#include <cstdint>

namespace rehome {

using Micros = int64_t;  // CLOCK_MONOTONIC

}  // namespace rehome
