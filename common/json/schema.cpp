// valijson decides and says where; what was expected there is read from the schema, which is
// followed along the same path.  The schemas use properties, items, $ref into the schema itself,
// type, const, enum, pattern with examples, minimum and the like; anything else keeps valijson's
// own words.
#include "common/json/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "common/json/path.h"

namespace rehome {

namespace {

using nlohmann::json;
using valijson::ValidationResults;
using valijson::adapters::NlohmannJsonAdapter;
using Path = std::vector<std::string>;  // keys and indexes from the root

// "<root>", "[sites]", "[0]" to the path below the root.
Path path_of(const ValidationResults::Error& error) {
    Path path;
    for (size_t i = 1; i < error.context.size(); ++i) {
        const std::string& step = error.context[i];
        path.push_back(step.substr(1, step.size() - 2));
    }
    return path;
}

std::string pointer_of(const Path& path) {
    std::string pointer;
    for (const std::string& step : path) {
        pointer = pointer_to(pointer, step);
    }
    return pointer;
}

// The value on that path, which valijson has just visited; null if it is not there after all.
const json* value_at(const json& document, const Path& path) {
    const json* value = &document;
    for (const std::string& step : path) {
        const json::json_pointer next(pointer_to("", step));
        if (!value->contains(next)) {
            return nullptr;
        }
        value = &value->at(next);
    }
    return value;
}

// ---- the schema along a path --------------------------------------------------------------------

const json* schema_at(const json& root, const Path& path) {
    const json* schema = resolved_schema(root, &root);
    for (const std::string& step : path) {
        schema = resolved_schema(root, schema_below(root, schema, step));
    }
    return schema;
}

// ---- wording ------------------------------------------------------------------------------------

std::string keys_of(const json& object) {
    std::string text;
    for (const auto& [key, value] : object.items()) {
        text += (text.empty() ? "" : ", ") + key;
    }
    return text;
}

std::string list_of(const json& values) {
    std::string text;
    for (const json& value : values) {
        text += (text.empty() ? "" : ", ") + value.dump();
    }
    return text;
}

// " of 1 to 9" or " from 1 to 9", " of at least 1", " of at most 9" or nothing.
std::string range(const json& schema, const char* lowest, const char* highest,
                  std::string_view both = "of") {
    const json* low = schema_member(&schema, lowest);
    const json* high = schema_member(&schema, highest);
    if (low != nullptr && high != nullptr) {
        return *low == *high ? " of exactly " + low->dump()
                             : fmt::format(" {} {} to {}", both, low->dump(), high->dump());
    }
    if (low != nullptr) {
        return " of at least " + low->dump();
    }
    return high != nullptr ? " of at most " + high->dump() : "";
}

std::string number_range(const json& schema) {
    const json* above = schema_member(&schema, "exclusiveMinimum");
    if (above == nullptr) {
        return range(schema, "minimum", "maximum", "from");
    }
    const std::string most = range(schema, "", "maximum");
    return " of more than " + above->dump() + (most.empty() ? "" : " and" + most.substr(3));
}

std::string expected_string(const json& schema) {
    std::string text = "a string";
    const std::string length = range(schema, "minLength", "maxLength");
    if (!length.empty()) {
        text += length + " characters";
    }
    if (const json* examples = schema_member(&schema, "examples")) {
        text += " such as " + list_of(*examples);
    } else if (const json* pattern = schema_member(&schema, "pattern")) {
        text += " that matches " + pattern->get<std::string>();
    }
    return text;
}

std::string expected_object(const json& schema) {
    const json* properties = schema_member(&schema, "properties");
    const json* most = schema_member(&schema, "maxProperties");
    if (properties != nullptr && most != nullptr && *most == 1) {
        return "an object with one of the keys " + keys_of(*properties);
    }
    return "an object";
}

std::string expected_type(const json& schema, const std::string& type) {
    if (type == "string") {
        return expected_string(schema);
    }
    if (type == "object") {
        return expected_object(schema);
    }
    if (type == "array") {
        const std::string size = range(schema, "minItems", "maxItems");
        return size.empty() ? "a list" : "a list" + size + " items";
    }
    if (type == "boolean") {
        return "true or false";
    }
    return (type == "integer" ? "an integer" : "a " + type) + number_range(schema);
}

std::string expected_types(const json& schema, const json& types) {
    std::string text;
    for (const json& type : types) {
        text += (text.empty() ? "" : " or ") + expected_type(schema, type.get<std::string>());
    }
    return text;
}

// What the schema takes, or nothing where it does not say it in one of the ways known here.
std::string expected(const json* schema) {
    if (schema == nullptr) {
        return "";
    }
    if (const json* constant = schema_member(schema, "const")) {
        return constant->dump();
    }
    if (const json* values = schema_member(schema, "enum")) {
        return "one of " + list_of(*values);
    }
    if (const json* type = schema_member(schema, "type")) {
        return expected_types(*schema, type->is_array() ? *type : json::array({*type}));
    }
    if (const json* description = schema_member(schema, "description")) {
        return description->get<std::string>();
    }
    return "";
}

std::string actual(const json& value) {
    if (value.is_object()) {
        return "an object";
    }
    if (value.is_array()) {
        return fmt::format("a list of {} items", value.size());
    }
    return value.is_string() ? in_quotes(value.get_ref<const std::string&>()) : value.dump();
}

// ---- findings -----------------------------------------------------------------------------------

constexpr std::string_view unknown_property = "Object contains a property";
constexpr std::string_view missing_property = "Missing required property '";

// Whether the finding only repeats one further down.
bool is_summary(std::string_view description) {
    return description.starts_with("Failed to validate") &&
           !description.starts_with("Failed to validate against exactly one");
}

class Wording {
public:
    Wording(Mistakes& mistakes, const json& document, const json& schema)
        : mistakes_(mistakes), document_(document), schema_(schema) {}

    void add(const ValidationResults::Error& error) {
        const Path path = path_of(error);
        const json* value = value_at(document_, path);
        const json* schema = schema_at(schema_, path);
        const std::string_view description = error.description;
        if (description.starts_with(unknown_property) && value != nullptr && schema != nullptr) {
            add_unknown_keys(path, *value, *schema);
        } else if (description.starts_with(missing_property)) {
            const std::string_view rest = description.substr(missing_property.size());
            add_missing_key(path, std::string(rest.substr(0, rest.rfind('\''))));
        } else {
            const std::string wanted = expected(schema);
            mistakes_.add(pointer_of(path), wanted.empty() || value == nullptr
                                                ? error.description
                                                : "is " + actual(*value) + ", expected " + wanted);
        }
    }

private:
    // valijson names the first one only.
    void add_unknown_keys(const Path& path, const json& value, const json& schema) {
        const json* properties = schema_member(&schema, "properties");
        const std::string known = properties == nullptr ? "" : keys_of(*properties);
        for (const auto& [key, unused] : value.items()) {
            if (properties == nullptr || !properties->contains(key)) {
                mistakes_.add(pointer_to(pointer_of(path), key),
                              known.empty() ? "unknown key, expected none"
                                            : "unknown key, expected one of " + known);
            }
        }
    }

    void add_missing_key(Path path, const std::string& key) {
        path.push_back(key);
        const std::string wanted = expected(schema_at(schema_, path));
        mistakes_.add(pointer_of(path),
                      wanted.empty() ? "is missing" : "is missing, expected " + wanted);
    }

    Mistakes& mistakes_;
    const json& document_;
    const json& schema_;
};

// ---- lengths ------------------------------------------------------------------------------------

// std::regex, which valijson uses, recurses once a character: a long text overflows the stack.
constexpr size_t longest_matched = 1'024;

bool has_longer(const json& value) {
    if (value.is_string()) {
        return value.get_ref<const std::string&>().size() > longest_matched;
    }
    return value.is_structured() && std::any_of(value.begin(), value.end(), has_longer);
}

// Adds the strings that are too long to be matched with a pattern.
void check_lengths(Mistakes& mistakes, const json& schema, const json& value, Path& path) {
    if (value.is_string() && value.get_ref<const std::string&>().size() > longest_matched) {
        const json* there = schema_at(schema, path);
        if (there == nullptr || schema_member(there, "pattern") != nullptr) {
            mistakes.add(pointer_of(path),
                         fmt::format("is a string of {} bytes, expected at most {}",
                                     value.get_ref<const std::string&>().size(), longest_matched));
        }
    }
    if (value.is_structured()) {
        for (const auto& [step, below] : value.items()) {
            path.push_back(step);
            check_lengths(mistakes, schema, below, path);
            path.pop_back();
        }
    }
}

}  // namespace

void check_schema(Mistakes& mistakes, const json& document, std::string_view schema) {
    check_schema(mistakes, document, json::parse(schema));
}

void check_schema(Mistakes& mistakes, const json& document, const json& schema) {
    const size_t before = mistakes.count();
    if (has_longer(document)) {
        Path path;
        check_lengths(mistakes, schema, document, path);
        if (mistakes.count() > before) {
            return;
        }
    }
    valijson::Schema compiled;
    valijson::SchemaParser().populateSchema(NlohmannJsonAdapter(schema), compiled);

    ValidationResults results;
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    if (validator.validate(compiled, NlohmannJsonAdapter(document), &results)) {
        return;
    }
    Wording wording(mistakes, document, schema);
    for (const ValidationResults::Error& error : results) {
        if (!is_summary(error.description)) {
            wording.add(error);
        }
    }
    if (mistakes.count() == before) {
        mistakes.add("", "does not match its schema");
    }
}

bool rest_fits(const Mistakes& mistakes, const json& document, const json& schema) {
    if (!document.is_object()) {
        return false;
    }
    json rest = json::object();
    for (const auto& [key, member] : document.items()) {
        const std::string at = pointer_to("", key);
        if (!mistakes.has_in(at)) {
            rest[key] = member;
        } else if (member.is_array() && !mistakes.has_at(at)) {
            json& kept = rest[key] = json::array();
            for (size_t i = 0; i < member.size(); ++i) {
                if (!mistakes.has_in(pointer_to(at, i))) {
                    kept.push_back(member[i]);
                }
            }
        }
    }
    Mistakes of_rest{""};
    check_schema(of_rest, rest, schema);
    return of_rest.none();
}

}  // namespace rehome
