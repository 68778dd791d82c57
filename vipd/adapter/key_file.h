// Reads the key file (common/secret_file.h says who may be able to).
#pragma once

#include <string>

#include "vipd/state/keyring_text.h"

namespace rehome::vipd {

Checked<Keyring> read_key_file(const std::string& path);

}  // namespace rehome::vipd
