// A JSON Schema (draft 7) followed along a path into the documents that it describes.
//
// Known keywords: properties, items, additionalProperties, $ref into the schema itself, oneOf,
// anyOf, allOf, type, const, enum.  Null stands for "says nothing about it".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>

namespace rehome {

// A keyword's value; null when the schema is null or has none.
const nlohmann::json* schema_member(const nlohmann::json* schema, const char* keyword);

// Follows "$ref": "#/definitions/name".
const nlohmann::json* resolved_schema(const nlohmann::json& root, const nlohmann::json* schema);

// One step down, by a key or an index, not resolved yet.  Of several forms, the first that knows
// it.
const nlohmann::json* schema_below(const nlohmann::json& root, const nlohmann::json* schema,
                                   const std::string& step);

// The keys that an object of this schema may have, in all of its forms.
std::set<std::string> schema_keys(const nlohmann::json& root, const nlohmann::json* schema);

// Whether a value of this type ("object", "array", "string", "number", "boolean") may stand there.
// True where the schema does not say.
bool schema_allows(const nlohmann::json& root, const nlohmann::json* schema, std::string_view type);

}  // namespace rehome
