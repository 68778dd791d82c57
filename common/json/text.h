// JSON text (RFC 8259) to a document, with what nlohmann's own reader would let pass told as
// mistakes: duplicate keys, absurd nesting and lengths, NUL characters.  For file.cpp.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "common/json/file.h"

namespace rehome {

// Nothing if the text is no JSON or passes a bound.  Duplicate keys are a mistake, and reading goes
// on with the last one.
std::optional<nlohmann::json> parse_json_text(Mistakes& mistakes, std::string_view text);

}  // namespace rehome
