// ${NAME} in a playbook's texts.  "$${" stands for a plain "${"; nothing else is special, and what
// was put in is not looked at again.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/json/file.h"

namespace rehome::cutover {

using Variables = std::map<std::string, std::string, std::less<>>;

// The text with its variables replaced.  What is wrong with it (an unknown name, an open brace) is
// added to wrong, once for each.
std::string substitute(std::string_view text, const Variables& variables,
                       std::vector<std::string>& wrong);

// A copy in which every text is replaced; mistakes are noted at its pointer under `at`.
nlohmann::json substitute(const nlohmann::json& value, const Variables& variables,
                          const std::string& at, Mistakes& mistakes);

}  // namespace rehome::cutover
