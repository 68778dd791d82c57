#include "lbsync/command/sides.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "lbsync/adapter/side.h"
#include "lbsync/command/session.h"

namespace rehome::lbsync {

namespace {

using side::Side;

// Both, or the mistakes of both.
tl::expected<std::vector<Side>, Exit> read_both(const Given& given,
                                                const std::vector<std::string>& names) {
    std::vector<Side> sides;
    std::vector<Error> errors;
    for (const std::string& name : names) {
        auto read = read_one_side(given, name);
        if (read) {
            sides.push_back(std::move(*read));
        } else {
            errors.insert(errors.end(), read.error().begin(), read.error().end());
        }
    }
    if (!errors.empty()) {
        return tl::unexpected(print_mistakes(errors));
    }
    return sides;
}

}  // namespace

Option sides_option() {
    return Option::text("side", "a file or a host; two of them instead of an inventory")
        .shown_as("SIDE")
        .positional()
        .repeated();
}

Option format_option() {
    return Option::text("format",
                        "of files: " + side::format_names() + "; as they look unless given");
}

Checked<Side> read_one_side(const Given& given, const std::string& name) {
    const auto format = side::format_of(given.text("format"));
    if (given.has("format") && !format) {
        return tl::unexpected(std::vector<Error>{
            {Exit::usage, "--format",
             in_quotes(given.text("format")) + " is none of " + side::format_names()}});
    }
    return read_side(name, format);
}

Result<Exit> verify_sides(const Given& given) {
    const auto names = given.texts("side");
    if (names.size() != 2 || given.has("inventory")) {
        return fail(Exit::usage, "", "expected --inventory FILE, or two sides: OLD NEW");
    }
    const auto map = read_map(given);
    if (!map) {
        return print_mistakes(map.error());
    }
    auto sides = read_both(given, names);
    if (!sides) {
        return sides.error();
    }
    const auto comparison = side::compare(std::move((*sides)[0]), std::move((*sides)[1]), *map);
    if (!comparison) {
        return print_mistakes(comparison.error());
    }
    if (given.has("json")) {
        print(json_report(*comparison, iso8601(now_us())));
    } else {
        std::fputs(text_report(*comparison).c_str(), stdout);
    }
    return comparison->verdict();
}

}  // namespace rehome::lbsync
