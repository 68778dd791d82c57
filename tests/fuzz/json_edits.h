// A document with a list of edits, by which a fuzzer reaches what lies behind its schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::fuzz {

using nlohmann::json;

// Every value of the document, the document itself first.
inline std::vector<json::json_pointer> pointers_of(const json& document) {
    std::vector<json::json_pointer> pointers{json::json_pointer()};
    for (size_t i = 0; i < pointers.size(); ++i) {
        const json::json_pointer at = pointers[i];
        const json& value = document.at(at);
        if (value.is_structured()) {
            for (const auto& [key, below] : value.items()) {
                pointers.emplace_back(pointer_to(at.to_string(), std::string_view(key)));
            }
        }
    }
    return pointers;
}

// Values with corners, besides those that the document holds.
inline json odd_value(uint8_t which) {
    static const json values = json::parse(R"([
        null, true, 0, -1, 1, 65535, 65536, 4294967295, 4294967296, 18446744073709551615, 1.5, "", "x",
        "10.1.1.11", "0.0.0.0/0", "::/0", "2001:db8::1", "10.1.0.0/33", "hex:", "hex:0", "text:{session}",
        "old", "new", "red", [], {}, ["198.51.100.0/25"], {"address": "::1"}, "netns:..", "\u00e9\ud83d\ude00",
        100, 100.01, 0.001, 1e300, "meters", "s1", "meters/s1", "drop", "accept", "443", "22-21", "0-65535",
        "100.80.0.1", "100.80.0.0/16", "100.80.0.1:7", "198.51.100.10:1883", "a\nb", "udp", "icmp"
    ])");
    return values[which % values.size()];
}

// One edit: what, where (two bytes), with which value.
inline void edit(json& document, const uint8_t* bytes) {
    const auto pointers = pointers_of(document);
    const auto at = [&pointers](size_t n) { return pointers[n % pointers.size()]; };
    const json::json_pointer where = at(size_t{bytes[1]} << 8 | bytes[2]);
    json& value = document[where];
    switch (bytes[0] % 4) {
        case 0:
            value = odd_value(bytes[3]);
            break;
        case 1:
            value = json(document[at(size_t{bytes[3]} * 7)]);
            break;
        case 2:
            if (value.is_array()) {
                value.push_back(value.empty() ? odd_value(bytes[3]) : json(value[0]));
            } else if (value.is_object()) {
                value["extra"] = odd_value(bytes[3]);
            }
            break;
        default:
            if (value.is_structured() && !value.empty()) {
                value.erase(std::next(value.begin(), bytes[3] % static_cast<int>(value.size())));
            }
    }
}

// A document can double with each edit: at most so many.
inline json edited(json document, std::span<const uint8_t> edits) {
    constexpr size_t edit_size = 4, most = 16;
    for (size_t i = 0; i < most && edits.size() >= edit_size; ++i) {
        edit(document, edits.data());
        edits = edits.subspan(edit_size);
    }
    return document;
}

}  // namespace rehome::fuzz
