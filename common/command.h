// A program as a table of commands: `PROGRAM COMMAND [options]`, `--help`, `--version`, exit codes.
// A command's name may be several words ("login start").
//
// Each command lists its options; run_program prints the program's or the command's help, turns
// wrong usage into one line and exit code 2, and errors into exit codes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/error.h"

namespace rehome {

// One option: `--NAME`, or `--NAME VALUE` whose type is checked before the command acts.
//
//   Option::text("inventory", "what exists").shown_as("FILE").required()
//   Option::number("rate", "probes a second").by_default("40")
//   Option::text("packet", "the packet, as text").positional().repeated()
struct Option {
    enum class Type { flag, text, integer, number };

    static Option flag(std::string name, std::string help);
    static Option text(std::string name, std::string help);
    static Option integer(std::string name, std::string help);
    static Option number(std::string name, std::string help);  // a finite one

    Option shown_as(std::string value) const;  // what help calls the value
    Option by_default(std::string value) const;
    Option within(int64_t low, int64_t high) const;  // of an integer
    Option required() const;
    Option repeated() const;    // of a text: may be given several times
    Option positional() const;  // --NAME may be left out; a repeated one takes all that follow

    std::string name;
    std::string help;
    Type type = Type::flag;
    std::string value_name = "arg";
    std::optional<std::string> fallback{};
    int64_t lowest = INT64_MIN;
    int64_t highest = INT64_MAX;
    bool is_required = false;
    bool is_repeated = false;
    bool is_positional = false;
};

// What the command line gave.  Asking for an option that the command does not have, or for another
// type, throws std::logic_error: the program is wrong.
class Given {
public:
    // Given on the command line; a default alone is not.
    bool has(std::string_view name) const;

    // The value given, else the option's default, else nothing: "", 0, an empty list.
    std::string text(std::string_view name) const;
    std::vector<std::string> texts(std::string_view name) const;
    int64_t integer(std::string_view name) const;
    double number(std::string_view name) const;

    // A flag has no value.
    using Value =
        std::variant<std::monostate, std::string, std::vector<std::string>, int64_t, double>;
    // The same for a name that need not be an option: null where nothing is given, nor by default.
    const Value* find(std::string_view name) const;
    void put(const Option& option, bool given, Value value);

private:
    struct Entry {
        bool given = false;
        Value value{};
    };
    const Entry& entry(std::string_view name) const;
    template <typename T>
    T value(std::string_view name) const;

    std::map<std::string, Entry, std::less<>> entries_;
};

struct Command {
    std::string name{};      // "plan"
    std::string summary{};   // one line: what it does
    std::string teaching{};  // paragraphs and examples, printed under the options by --help
    std::vector<Option> options{};
    // The exit code, or an Error that is printed and whose kind is the exit code.
    std::function<Result<Exit>(const Given&)> act{};
};

struct Program {
    std::string name{};
    std::string summary{};
    std::string teaching{};
    std::vector<Command> commands{};
    // Options of every command; they may stand before its name too (vipctl --socket PATH status).
    std::vector<Option> options{};
};

// argv as given to main.  Never throws.  From here on SIGPIPE is ignored: what cannot be written to
// standard output is an error, exit code 3.
int run_program(const Program& program, int argc, char** argv);

// Prints each mistake on a line of its own on standard error; returns Exit::usage (or the first
// one's kind).
Exit print_mistakes(const std::vector<Error>& errors);

extern const char* const version;  // "0.1.0"

}  // namespace rehome
