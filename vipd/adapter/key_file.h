// Reads the key file: a regular file that nobody but its owner and group can read, nor anybody but
// its owner write.
#pragma once

#include <string>

#include "vipd/state/keyring_text.h"

namespace rehome::vipd {

Checked<Keyring> read_key_file(const std::string& path);

}  // namespace rehome::vipd
