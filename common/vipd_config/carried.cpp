#include "common/vipd_config/carried.h"

#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;
using Keys = std::map<std::string, std::string>;

// Goes down the schema, "$ref" by "$ref".
void add_keys(const json& root, const json& schema, const std::string& pointer, Keys& keys) {
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
        add_keys(root, root.at(json::json_pointer(ref->get<std::string>().substr(1))), pointer,
                 keys);
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
        add_keys(root, *items, pointer_to(pointer, "*"), keys);
    }
    const json properties = schema.value("properties", json::object());
    for (const auto& [key, property] : properties.items()) {
        const std::string at = pointer_to(pointer, key);
        if (const auto& carried = keys[at] = property.value("lbsync", ""); carried == "carried") {
            add_keys(root, property, at, keys);
        }
    }
}

void add_doubted(const Keys& keys, const json& value, const std::string& pointer,
                 const std::string& pattern, std::vector<std::string>& doubted) {
    for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
        add_doubted(keys, value[i], pointer_to(pointer, i), pointer_to(pattern, "*"), doubted);
    }
    if (!value.is_object()) {
        return;
    }
    for (const auto& [key, below] : value.items()) {
        const auto known = keys.find(pointer_to(pattern, key));
        const std::string carried = known == keys.end() ? "" : known->second;
        if (carried == "carried") {
            add_doubted(keys, below, pointer_to(pointer, key), known->first, doubted);
        } else if (carried != "stays" && carried != "whole") {
            doubted.push_back(pointer_to(pointer, key));
        }
    }
}

}  // namespace

Keys carried_keys(const json& schema) {
    Keys keys;
    add_keys(schema, schema, "", keys);
    return keys;
}

std::vector<std::string> doubted_keys(const json& schema, const json& document) {
    std::vector<std::string> doubted;
    add_doubted(carried_keys(schema), document, "", "", doubted);
    return doubted;
}

}  // namespace rehome::vipd
