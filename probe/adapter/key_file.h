// Reads the key of STAMP's authenticated mode (stamp_key.h) from a file that keeps others out.
#pragma once

#include <string>

#include "common/error.h"
#include "probe/core/flow.h"

namespace rehome::probe {

Result<StampKey> read_stamp_key(const std::string& path);

}  // namespace rehome::probe
