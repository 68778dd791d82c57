// A program as a table of commands: `PROGRAM COMMAND [options]`, `--help`, `--version`, exit codes.
// A command's name may be several words ("login start").
//
// Each command describes its options with Boost.Program_options; run_program prints the program's
// or the command's help, turns wrong usage into one line and exit code 2, and errors into exit
// codes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "common/error.h"

namespace rehome {

struct Command {
    std::string name{};      // "plan"
    std::string summary{};   // one line: what it does
    std::string teaching{};  // paragraphs and examples, printed under the options by --help
    std::function<void(boost::program_options::options_description&,
                       boost::program_options::positional_options_description&)>
        options{};
    // The exit code, or an Error that is printed and whose kind is the exit code.
    std::function<Result<Exit>(const boost::program_options::variables_map&)> act{};
};

struct Program {
    std::string name{};
    std::string summary{};
    std::string teaching{};
    std::vector<Command> commands{};
    // Options of every command; they may stand before its name too (vipctl --socket PATH status).
    std::function<void(boost::program_options::options_description&)> options{};
};

// argv as given to main.  Never throws.  From here on SIGPIPE is ignored: what cannot be written to
// standard output is an error, exit code 3.
int run_program(const Program& program, int argc, char** argv);

// Prints each mistake on a line of its own on standard error; returns Exit::usage (or the first
// one's kind).
Exit print_mistakes(const std::vector<Error>& errors);

extern const char* const version;  // "0.1.0"

}  // namespace rehome
