// Options after getopt_long(3)'s manner: --name VALUE, --name=VALUE, no guessing of short forms.
// Help goes to standard output, mistakes go to standard error, one line each.
#include "common/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>

namespace rehome {

const char* const version = "0.1.0";

namespace {

namespace po = boost::program_options;

using Words = std::vector<std::string>;

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    return text;
}

std::string command_names(const Program& program) {
    std::string names;
    for (const Command& command : program.commands) {
        names += (names.empty() ? "" : ", ") + command.name;
    }
    return names;
}

// A paragraph of help, with one empty line before it and none after.
std::string paragraph(std::string_view text) {
    while (!text.empty() && text.back() == '\n') {
        text.remove_suffix(1);
    }
    while (!text.empty() && text.front() == '\n') {
        text.remove_prefix(1);
    }
    return text.empty() ? "" : fmt::format("\n{}\n", text);
}

std::string program_help(const Program& program, const po::options_description& common) {
    size_t width = 0;
    for (const Command& command : program.commands) {
        width = std::max(width, command.name.size());
    }
    std::string text = fmt::format("{}: {}\n\nUsage: {} COMMAND [options]\n\nCommands:\n",
                                   program.name, program.summary, program.name);
    for (const Command& command : program.commands) {
        text += fmt::format("  {:<{}}  {}\n", command.name, width, command.summary);
    }
    std::ostringstream options;
    options << common;
    text += fmt::format("\n{}", options.str());
    text += paragraph(program.teaching);
    text += fmt::format("\n`{} COMMAND --help` tells more about one command.\n", program.name);
    return text;
}

std::string positional_usage(const po::positional_options_description& positional) {
    constexpr unsigned shown_at_most = 16;  // an unlimited one never ends
    std::string text;
    std::string previous;
    for (unsigned i = 0; i < std::min(positional.max_total_count(), shown_at_most); ++i) {
        const std::string& name = positional.name_for_position(i);
        if (name == previous) {
            return text + "...";
        }
        text += " " + upper(name);
        previous = name;
    }
    return text;
}

// One command with its options, ready to parse and to explain.
struct Grammar {
    po::options_description own{"Options"};
    po::options_description common{"Options of every command"};
    po::positional_options_description positional;

    Grammar(const Program& program, const Command* command) {
        if (command != nullptr && command->options) {
            command->options(own, positional);
        }
        if (program.options) {
            program.options(common);
        }
        common.add_options()("help", "explain, with examples");
        if (command == nullptr) {
            common.add_options()("version", "print the version");
        }
    }
};

std::string command_help(const Program& program, const Command& command, const Grammar& grammar) {
    std::ostringstream options;
    if (!grammar.own.options().empty()) {
        options << grammar.own << "\n";
    }
    options << grammar.common;
    return fmt::format("{} {}: {}\n\nUsage: {} {}{} [options]\n\n{}", program.name, command.name,
                       command.summary, program.name, command.name,
                       positional_usage(grammar.positional), options.str()) +
           paragraph(command.teaching);
}

// Wrong usage: one line that says what to do about it.
int usage_error(const std::string& program, const std::string& what, const std::string& help_of) {
    std::cerr << fmt::format("{}: {}; see `{} --help`\n", program, what, help_of);
    return static_cast<int>(Exit::usage);
}

// How many of the words, at the front, are options of every command with their values.
size_t leading_options(const Words& words, const po::options_description& common) {
    size_t i = 0;
    while (i < words.size() && words[i].starts_with("--")) {
        const size_t equals = words[i].find('=');
        const auto* option = common.find_nothrow(words[i].substr(2, equals - 2), false);
        if (option == nullptr) {
            break;
        }
        const bool value_follows =
            equals == std::string::npos && option->semantic()->max_tokens() > 0;
        i += value_follows ? 2 : 1;
    }
    return std::min(i, words.size());
}

Words split_name(const std::string& name) {
    std::istringstream stream(name);
    Words words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

// The command whose name the words begin with; the longest, where "login" and "login start" are
// both.
const Command* find_command(const Program& program, const Words& words) {
    const Command* found = nullptr;
    size_t longest = 0;
    for (const Command& command : program.commands) {
        const Words name = split_name(command.name);
        if (name.size() > longest && name.size() <= words.size() &&
            std::equal(name.begin(), name.end(), words.begin())) {
            found = &command;
            longest = name.size();
        }
    }
    return found;
}

int finish(const Program& program, Result<Exit> result) {
    if (!result) {
        std::cerr << result.error().text() << "\n";
        result = result.error().kind;
    }
    std::cout.flush();
    std::fflush(stdout);
    if (!std::cout || std::ferror(stdout) != 0) {
        std::cerr << program.name << ": standard output: cannot be written\n";
        return static_cast<int>(Exit::world);
    }
    return static_cast<int>(*result);
}

int print(const Program& program, const std::string& text) {
    std::cout << text;
    return finish(program, Exit::yes);
}

int run_command(const Program& program, const Command& command, const Words& words) {
    const std::string full_name = program.name + " " + command.name;
    const Grammar grammar(program, &command);
    po::options_description all;
    all.add(grammar.own).add(grammar.common);
    po::variables_map values;
    try {
        constexpr auto style = po::command_line_style::unix_style &
                               ~static_cast<unsigned>(po::command_line_style::allow_guessing);
        po::store(po::command_line_parser(words)
                      .options(all)
                      .positional(grammar.positional)
                      .style(static_cast<int>(style))
                      .run(),
                  values);
        if (values.count("help") != 0) {
            return print(program, command_help(program, command, grammar));
        }
        po::notify(values);
    } catch (const po::error& mistake) {
        return usage_error(full_name, mistake.what(), full_name);
    }
    return finish(program, command.act(values));
}

int run_words(const Program& program, Words words) {
    const Grammar grammar(program, nullptr);
    const size_t leading = leading_options(words, grammar.common);
    const auto leads = [&words, leading](std::string_view option) {
        return std::find(words.begin(), words.begin() + static_cast<ptrdiff_t>(leading), option) !=
               words.begin() + static_cast<ptrdiff_t>(leading);
    };
    if (leads("--help")) {
        return print(program, program_help(program, grammar.common));
    }
    if (leads("--version")) {
        return print(program, fmt::format("{} {}\n", program.name, version));
    }
    // What stood before the command's name goes behind it.
    std::rotate(words.begin(), words.begin() + static_cast<ptrdiff_t>(leading), words.end());
    const std::string commands = "expected one of: " + command_names(program);
    if (words.size() == leading) {
        return usage_error(program.name, "no command, " + commands, program.name);
    }
    const Command* command = find_command(program, words);
    if (command == nullptr) {
        return usage_error(program.name, "no command " + in_quotes(words.front()) + ", " + commands,
                           program.name);
    }
    words.erase(words.begin(),
                words.begin() + static_cast<ptrdiff_t>(split_name(command->name).size()));
    return run_command(program, *command, words);
}

// A closed standard descriptor would be taken by the next file opened, which would then be printed
// into.
void open_standard_descriptors() {
    for (int fd = 0; fd < 3; ++fd) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)!open("/dev/null", O_RDWR);  // NOLINT: takes the lowest free number
        }
    }
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
    try {
        open_standard_descriptors();
        signal(SIGPIPE, SIG_IGN);
        return run_words(program, Words(argv + std::min(argc, 1), argv + argc));
    } catch (const std::exception& unexpected) {
        std::fprintf(stderr, "%s: internal error: %s\n", program.name.c_str(), unexpected.what());
    } catch (...) {
        std::fprintf(stderr, "%s: internal error\n", program.name.c_str());
    }
    return static_cast<int>(Exit::world);
}

Exit print_mistakes(const std::vector<Error>& errors) {
    for (const Error& error : errors) {
        std::cerr << error.text() << "\n";
    }
    return errors.empty() ? Exit::usage : errors.front().kind;
}

}  // namespace rehome
