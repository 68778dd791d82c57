// Validation of a document against its JSON Schema (draft 7), by valijson, with the findings worded
// for a person from the schema's own keywords.  Files are read with file.h, which uses it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "common/json/file.h"

namespace rehome {

// Adds every violation.  schema: the text of a schema that is right; throws std::exception if not.
void check_schema(Mistakes& mistakes, const nlohmann::json& document, std::string_view schema);
void check_schema(Mistakes& mistakes, const nlohmann::json& document, const nlohmann::json& schema);

// Whether a document of which some is wrong can be read for more mistakes: an object that fits
// without its members, and the items of those that are arrays, in which one was told.  The reader
// leaves the same out (Mistakes::has_at, has_in).
bool rest_fits(const Mistakes& mistakes, const nlohmann::json& document,
               const nlohmann::json& schema);

}  // namespace rehome
