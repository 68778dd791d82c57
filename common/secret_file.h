// Reads a file that holds a secret: a regular file that nobody but its owner and group can read,
// nor anybody but its owner write.
#pragma once

#include <string>

#include "common/error.h"

namespace rehome {

// Kind Exit::usage when it is not there, is longer, or others may read it.
Result<std::string> read_secret_file(const std::string& path, size_t limit_bytes);

}  // namespace rehome
