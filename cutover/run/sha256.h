// SHA-256 (FIPS 180-4), to tell whether a journal, a playbook or an inventory is still the same.
#pragma once

#include <string>
#include <string_view>

namespace rehome::cutover {

// 64 hexadecimal digits, lower case.
std::string sha256(std::string_view bytes);

}  // namespace rehome::cutover
