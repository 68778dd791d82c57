// Wall-clock times as they stand in every file: UTC, ISO 8601, microseconds, "Z" at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.h"

namespace rehome {

using UnixMicros = int64_t;

UnixMicros now_us();                   // CLOCK_REALTIME
int64_t monotonic_us();                // CLOCK_MONOTONIC
std::string iso8601(UnixMicros time);  // 2026-05-04T03:02:01.000123Z
Result<UnixMicros> parse_iso8601(std::string_view text);

}  // namespace rehome
