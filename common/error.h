// What every fallible call of rehome returns: a value, or what went wrong and where.
//
// An Error reads as one line: "WHERE: WHAT" (WHERE may be empty: a file, a file and JSON pointer, a
// host, a socket).  WHAT says what is wrong and what was expected.  Errors are values: they are
// handed up and printed once, by main, which turns their kind into the exit code.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace rehome {

// The exit codes that every program keeps.  An operator's script relies on them.
enum class Exit : int {
    yes = 0,      // yes, or done
    no = 1,       // differs, gate failed, worse, backed out wholly
    usage = 2,    // wrong usage or wrong input; nothing was applied
    world = 3,    // the world failed; what is left undone is listed
    unknown = 4,  // cannot tell: no data, not provable, too few samples
};

struct Error {
    Exit kind = Exit::world;
    std::string where;
    std::string what;

    std::string text() const { return where.empty() ? what : where + ": " + what; }
};

template <typename T = void>
using Result = tl::expected<T, Error>;

// All the mistakes of one input, reported in one run.
template <typename T>
using Checked = tl::expected<T, std::vector<Error>>;

inline tl::unexpected<Error> fail(Exit kind, std::string where, std::string what) {
    return tl::unexpected<Error>(Error{kind, std::move(where), std::move(what)});
}

// Text from outside as it stands in a message: in double quotes, control bytes as \xNN, long text
// cut.
std::string in_quotes(std::string_view text);

// Text from outside as a part of a line that is shown: what would end the line, move a terminal's
// cursor or turn the direction of writing around stands as \xNN, and so does what is no UTF-8.
std::string in_one_line(std::string_view text);

}  // namespace rehome
