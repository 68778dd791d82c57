// Whether what a program prints is of its format, for tests: CHECK(misfits("bird", text) == "").
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "common/formats/formats.h"
#include "common/json/file.h"

namespace rehome {

// What is wrong with the document; empty: nothing.
inline std::string misfits(std::string_view format, std::string_view text) {
    const Format* found = find_format(format);
    REQUIRE_MESSAGE(found != nullptr, std::string(format));
    Mistakes mistakes{std::string(format)};
    (void)parse_json(mistakes, text, found->schema);
    std::string all;
    for (const Error& error : mistakes.take()) {
        all += error.text() + "\n";
    }
    return all;
}

}  // namespace rehome
