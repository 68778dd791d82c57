// Long texts in our JSON files, whose strings are bounded: a list of pieces, to be joined as they
// are.  For sources that include json.hpp.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace rehome::lbsync {

// Cut at lines where they are short, and never within a character of UTF-8.
nlohmann::ordered_json pieces(std::string_view text);
std::string joined(const nlohmann::json& parts);

}  // namespace rehome::lbsync
