// SHA-256 (FIPS 180-4), to tell whether a text is still the same: a journal, a playbook, a policy.
#pragma once

#include <string>
#include <string_view>

namespace rehome {

// 64 hexadecimal digits, lower case.
std::string sha256(std::string_view bytes);

}  // namespace rehome
