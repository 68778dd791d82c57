// Every JSON that a program of rehome prints or keeps for somebody else, listed once: its schema,
// and which command line prints it.
//
// A format "NAME" is "rehome/NAME/1", and its schema stands in common/formats/NAME.schema.json.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rehome {

struct Format {
    std::string_view name;    // "vipd-status"
    std::string_view schema;  // JSON Schema, draft 7
};

std::span<const Format> formats();

// Null: there is none of that name.
const Format* find_format(std::string_view name);

// What a command line prints with --json.
struct PrintedFormat {
    bool ours = false;               // of a program of rehome: what it prints is known
    const Format* format = nullptr;  // null: it prints none, or it is not ours
    std::string why{};               // ours alone: why there is none, what was expected
};

PrintedFormat printed_by(const std::vector<std::string>& argv);

}  // namespace rehome
