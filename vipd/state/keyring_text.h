// The key file ("rehome/vipd-keys/1"), as text.  No mistake quotes a secret.
#pragma once

#include <string_view>

#include "common/error.h"
#include "vipd/state/key_schedule.h"

namespace rehome::vipd {

// file: the name that stands in the errors.
Checked<Keyring> parse_keyring(std::string_view file, std::string_view text);

}  // namespace rehome::vipd
