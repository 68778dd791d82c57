// The file with the key of STAMP's authenticated mode: one line of 32 to 128 hexadecimal digits, as
// `openssl rand -hex 32` writes it.  Pure.
#pragma once

#include <optional>
#include <string_view>

#include "probe/core/flow.h"

namespace rehome::probe {

// Nothing when it is no such line.
std::optional<StampKey> parse_stamp_key(std::string_view text);

}  // namespace rehome::probe
