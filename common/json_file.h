// Reading JSON files whose mistakes are told as an operator needs them: all of them in one run,
// each as "FILE: /json/pointer: what is wrong, what was expected", kind Exit::usage.
//
// A file carries "schema": "rehome/NAME/VERSION".  Its JSON Schema (draft 7) stands beside the code
// that reads it and is compiled in; unknown keys are refused by the schema ("additionalProperties":
// false).  What a schema cannot say (cross-references) the reader checks itself with Mistakes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"

namespace rehome {

// Collects the mistakes of one file.
class Mistakes {
public:
    explicit Mistakes(std::string file) : file_(std::move(file)) {}

    // pointer: an RFC 6901 pointer into the file, "" for the whole document.
    void add(std::string_view pointer, std::string what);

    bool none() const { return errors_.empty(); }
    std::vector<Error> take() { return std::move(errors_); }

private:
    std::string file_;
    std::vector<Error> errors_;
};

// Parses the text (duplicate keys are a mistake too) and validates it against the schema.
// file: the name that stands in the errors.
Checked<nlohmann::json> parse_json(std::string_view file, std::string_view text,
                                   std::string_view schema);

// The same for a file on disk; files over limit_bytes are refused.
Checked<nlohmann::json> read_json(const std::string& path, std::string_view schema,
                                  size_t limit_bytes = 64u << 20);

// Writes a file so that a reader sees the old or the new content, never a part: a temporary beside
// it, fsync, rename, fsync of the folder.
Result<> write_file_atomically(const std::string& path, std::string_view content);

}  // namespace rehome
