#include "common/json/path.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rehome {

namespace {

using nlohmann::json;

constexpr const char* forms_keywords[] = {"oneOf", "anyOf", "allOf"};

std::string_view type_of(const json& value) {
    switch (value.type()) {
        case json::value_t::object:
            return "object";
        case json::value_t::array:
            return "array";
        case json::value_t::string:
            return "string";
        case json::value_t::boolean:
            return "boolean";
        case json::value_t::null:
            return "null";
        default:
            return "number";
    }
}

bool names_type(const json& types, std::string_view type) {
    if (types.is_array()) {
        return std::any_of(types.begin(), types.end(),
                           [type](const json& one) { return names_type(one, type); });
    }
    return types == type || (type == "number" && types == "integer");
}

}  // namespace

const json* schema_member(const json* schema, const char* keyword) {
    if (schema == nullptr || !schema->is_object()) {
        return nullptr;
    }
    const auto found = schema->find(keyword);
    return found == schema->end() ? nullptr : &*found;
}

const json* resolved_schema(const json& root, const json* schema) {
    while (const json* ref = schema_member(schema, "$ref")) {
        schema = &root.at(json::json_pointer(ref->get<std::string>().substr(1)));
    }
    return schema;
}

const json* schema_below(const json& root, const json* schema, const std::string& step) {
    const json* properties = schema_member(schema, "properties");
    if (const json* property = schema_member(properties, step.c_str())) {
        return property;
    }
    const bool is_index = step.find_first_not_of("0123456789") == std::string::npos;
    const json* items = schema_member(schema, "items");
    if (items != nullptr && items->is_object() && is_index) {
        return items;
    }
    const json* additional = schema_member(schema, "additionalProperties");
    if (additional != nullptr && additional->is_object()) {
        return additional;
    }
    for (const char* keyword : forms_keywords) {
        const json* forms = schema_member(schema, keyword);
        for (size_t i = 0; forms != nullptr && i < forms->size(); ++i) {
            const json* form = resolved_schema(root, &(*forms)[i]);
            if (const json* found = schema_below(root, form, step)) {
                return found;
            }
        }
    }
    return nullptr;
}

std::set<std::string> schema_keys(const json& root, const json* schema) {
    std::set<std::string> keys;
    if (const json* properties = schema_member(schema, "properties")) {
        for (const auto& [key, value] : properties->items()) {
            keys.insert(key);
        }
    }
    for (const char* keyword : forms_keywords) {
        const json* forms = schema_member(schema, keyword);
        for (size_t i = 0; forms != nullptr && i < forms->size(); ++i) {
            keys.merge(schema_keys(root, resolved_schema(root, &(*forms)[i])));
        }
    }
    return keys;
}

bool schema_allows(const json& root, const json* schema, std::string_view type) {
    if (const json* constant = schema_member(schema, "const")) {
        return type_of(*constant) == type;
    }
    if (const json* values = schema_member(schema, "enum")) {
        return std::any_of(values->begin(), values->end(),
                           [type](const json& value) { return type_of(value) == type; });
    }
    if (const json* types = schema_member(schema, "type"); types && !names_type(*types, type)) {
        return false;
    }
    const auto allows = [&](const json& form) {
        return schema_allows(root, resolved_schema(root, &form), type);
    };
    for (const char* keyword : forms_keywords) {
        const json* forms = schema_member(schema, keyword);
        const bool all = std::string_view(keyword) == "allOf";
        if (forms != nullptr && !(all ? std::all_of(forms->begin(), forms->end(), allows)
                                      : std::any_of(forms->begin(), forms->end(), allows))) {
            return false;
        }
    }
    return true;
}

}  // namespace rehome
