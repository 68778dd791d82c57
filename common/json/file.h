// Reading JSON files whose mistakes are told as an operator needs them: all of them in one run,
// each as "FILE: /json/pointer: what is wrong, what was expected", kind Exit::usage.
//
// A file carries "schema": "rehome/NAME/VERSION".  Its JSON Schema (draft 7) stands in
// common/formats and is compiled in; unknown keys are refused by the schema
// ("additionalProperties": false).  What a schema cannot say (cross-references) the reader checks
// itself with Mistakes.
//
// Bounds, against files that are hostile or broken: nesting of 64, strings of 8,192 bytes (of 1,024
// where the schema gives a pattern), no NUL character in a string, valid UTF-8, one value a key.  A
// schema that is itself wrong throws.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome {

// Collects the mistakes of one file.
class Mistakes {
public:
    // under: the pointer at which the document stands in the file.
    explicit Mistakes(std::string file, std::string under = "")
        : file_(std::move(file)), under_(std::move(under)) {}

    // pointer: an RFC 6901 pointer into the document, "" for the whole.  The same mistake told
    // twice stands once; control characters are escaped.
    void add(std::string_view pointer, std::string_view what);

    bool none() const { return errors_.empty(); }
    size_t count() const { return errors_.size(); }

    // Whether the value there, or one that it lies in, is already known to be wrong, so that
    // nothing more can be concluded from it.
    bool has(std::string_view pointer) const;
    // Whether just the value there is, or something in it too.
    bool has_at(std::string_view pointer) const;
    bool has_in(std::string_view pointer) const;

    std::vector<Error> take() { return std::move(errors_); }

private:
    std::string file_;
    std::string under_;
    std::vector<Error> errors_;
    std::set<std::string, std::less<>> pointers_;
    std::set<std::pair<std::string, std::string>> told_;
};

// One step further: the pointer with a key, escaped, or an index behind it.
std::string pointer_to(std::string_view pointer, std::string_view key);
std::string pointer_to(std::string_view pointer, size_t index);

// Parses the text (duplicate keys are a mistake too) and validates it against the schema.
// file: the name that stands in the errors.
Checked<nlohmann::json> parse_json(std::string_view file, std::string_view text,
                                   std::string_view schema);

// The same for a reader that goes on to its own checks although the schema found mistakes: the
// document as it is, nothing only if it cannot be parsed at all.
std::optional<nlohmann::json> parse_json(Mistakes& mistakes, std::string_view text,
                                         std::string_view schema);

// The same for a file on disk; files over limit_bytes are refused.
Checked<nlohmann::json> read_json(const std::string& path, std::string_view schema,
                                  size_t limit_bytes = 64u << 20);

// A whole regular file; kind usage if it is not there, not a file or too long.
Result<std::string> read_file(const std::string& path, size_t limit_bytes = 64u << 20);

// Writes a file so that a reader sees the old or the new content, never a part: a temporary beside
// it, fsync, rename, fsync of the folder.  A new file gets mode 0644; an old one keeps its owner,
// group and mode, or is not replaced; a symbolic link stays, what it leads to is replaced.
Result<> write_file_atomically(const std::string& path, std::string_view content);

}  // namespace rehome
