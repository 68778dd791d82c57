// Options after getopt_long(3)'s manner: --name VALUE, --name=VALUE, no guessing of short forms.
// Help goes to standard output, mistakes go to standard error, one line each.  Boost knows how
// words become options and how these are explained; values are read here.
#include "common/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>

namespace rehome {

const char* const version = "0.1.0";

// ---- options ------------------------------------------------------------------------------------

Option Option::flag(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help)};
}

Option Option::text(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help), .type = Type::text};
}

Option Option::integer(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help), .type = Type::integer};
}

Option Option::number(std::string name, std::string help) {
    return {.name = std::move(name), .help = std::move(help), .type = Type::number};
}

Option Option::shown_as(std::string value) const {
    Option option = *this;
    option.value_name = std::move(value);
    return option;
}

Option Option::by_default(std::string value) const {
    Option option = *this;
    option.fallback = std::move(value);
    return option;
}

Option Option::within(int64_t low, int64_t high) const {
    Option option = *this;
    option.lowest = low;
    option.highest = high;
    return option;
}

Option Option::required() const {
    Option option = *this;
    option.is_required = true;
    return option;
}

Option Option::repeated() const {
    Option option = *this;
    option.is_repeated = true;
    return option;
}

Option Option::positional() const {
    Option option = *this;
    option.is_positional = true;
    return option;
}

const Given::Entry& Given::entry(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
        throw std::logic_error(fmt::format("--{} is no option of this command", name));
    }
    return found->second;
}

template <typename T>
T Given::value(std::string_view name) const {
    const Value& value = entry(name).value;
    return std::holds_alternative<std::monostate>(value) ? T{} : std::get<T>(value);
}

const Given::Value* Given::find(std::string_view name) const {
    const auto found = entries_.find(name);
    const bool there =
        found != entries_.end() &&
        (found->second.given || !std::holds_alternative<std::monostate>(found->second.value));
    return there ? &found->second.value : nullptr;
}

bool Given::has(std::string_view name) const {
    return entry(name).given;
}

std::string Given::text(std::string_view name) const {
    return value<std::string>(name);
}

std::vector<std::string> Given::texts(std::string_view name) const {
    return value<std::vector<std::string>>(name);
}

int64_t Given::integer(std::string_view name) const {
    return value<int64_t>(name);
}

double Given::number(std::string_view name) const {
    return value<double>(name);
}

void Given::put(const Option& option, bool given, Value value) {
    entries_.insert_or_assign(option.name, Entry{given, std::move(value)});
}

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

std::string positional_usage(const std::vector<Option>& options) {
    std::string text;
    for (const Option& option : options) {
        if (option.is_positional) {
            text += " " + upper(option.name) + (option.is_repeated ? "..." : "");
        }
    }
    return text;
}

// ---- grammar ------------------------------------------------------------------------------------

template <typename T>
po::typed_value<T>* boost_value(const Option& option) {
    auto* value = po::value<T>();
    value->value_name(option.value_name);
    return option.is_required ? value->required() : value;
}

const po::value_semantic* semantic(const Option& option) {
    if (option.type == Option::Type::flag) {
        return new po::untyped_value(true);  // NOLINT: Boost takes it
    }
    if (option.is_repeated) {
        return boost_value<Words>(option);
    }
    auto* value = boost_value<std::string>(option);
    return option.fallback ? value->default_value(*option.fallback) : value;
}

void describe(po::options_description& description, const std::vector<Option>& options) {
    for (const Option& option : options) {
        description.add_options()(option.name.c_str(), semantic(option), option.help.c_str());
    }
}

// One command with its options, ready to parse and to explain.
struct Grammar {
    std::vector<Option> options;
    po::options_description own{"Options"};
    po::options_description common{"Options of every command"};
    po::positional_options_description positional;

    Grammar(const Program& program, const Command* command) : options(program.options) {
        describe(common, program.options);
        common.add_options()("help", "explain, with examples");
        if (command == nullptr) {
            common.add_options()("version", "print the version");
            return;
        }
        describe(own, command->options);
        options.insert(options.end(), command->options.begin(), command->options.end());
        for (const Option& option : command->options) {
            if (option.is_positional) {
                positional.add(option.name.c_str(), option.is_repeated ? -1 : 1);
            }
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
                       positional_usage(command.options), options.str()) +
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
        std::istringstream lines(result.error().text());  // all mistakes of an input, a line each
        for (std::string line; std::getline(lines, line);) {
            std::cerr << in_one_line(line) << "\n";
        }
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

// ---- values -------------------------------------------------------------------------------------

// The whole text as a T; nothing if it is none.
template <typename T>
std::optional<T> parsed(const std::string& text) {
    T value{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

tl::unexpected<std::string> wrong(const Option& option, const std::string& text,
                                  std::string_view expected) {
    return tl::unexpected(
        fmt::format("--{} is {}, expected {}", option.name, in_quotes(text), expected));
}

std::string expected_integer(const Option& option) {
    const bool bounded = option.lowest != INT64_MIN || option.highest != INT64_MAX;
    return bounded ? fmt::format("an integer from {} to {}", option.lowest, option.highest)
                   : "an integer";
}

tl::expected<Given::Value, std::string> read_value(const Option& option, const std::string& text) {
    if (option.type == Option::Type::integer) {
        const auto value = parsed<int64_t>(text);
        const bool fits = value && *value >= option.lowest && *value <= option.highest;
        return fits ? tl::expected<Given::Value, std::string>(*value)
                    : wrong(option, text, expected_integer(option));
    }
    if (option.type == Option::Type::number) {
        const auto value = parsed<double>(text);
        return value && std::isfinite(*value) ? tl::expected<Given::Value, std::string>(*value)
                                              : wrong(option, text, "a number");
    }
    return text;
}

tl::expected<Given, std::string> read_values(const std::vector<Option>& options,
                                             const po::variables_map& values) {
    Given given;
    for (const Option& option : options) {
        const auto found = values.find(option.name);
        if (found == values.end() || option.type == Option::Type::flag) {
            given.put(option, found != values.end(), {});
            continue;
        }
        if (option.is_repeated) {
            given.put(option, true, found->second.as<Words>());
            continue;
        }
        auto value = read_value(option, found->second.as<std::string>());
        if (!value) {
            return tl::unexpected(value.error());
        }
        given.put(option, !found->second.defaulted(), std::move(*value));
    }
    return given;
}

po::variables_map parse(const Grammar& grammar, const Words& words) {
    po::options_description all;
    all.add(grammar.own).add(grammar.common);
    constexpr auto style = po::command_line_style::unix_style &
                           ~static_cast<unsigned>(po::command_line_style::allow_guessing);
    po::variables_map values;
    po::store(po::command_line_parser(words)
                  .options(all)
                  .positional(grammar.positional)
                  .style(static_cast<int>(style))
                  .run(),
              values);
    return values;
}

// ---- running ------------------------------------------------------------------------------------

int run_command(const Program& program, const Command& command, const Words& words) {
    const std::string full_name = program.name + " " + command.name;
    const Grammar grammar(program, &command);
    po::variables_map values;
    try {
        values = parse(grammar, words);
        if (values.count("help") != 0) {
            return print(program, command_help(program, command, grammar));
        }
        po::notify(values);
    } catch (const po::error& mistake) {
        return usage_error(full_name, mistake.what(), full_name);
    }
    const auto given = read_values(grammar.options, values);
    if (!given) {
        return usage_error(full_name, given.error(), full_name);
    }
    return finish(program, command.act(*given));
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
        std::cerr << in_one_line(error.text()) << "\n";
    }
    return errors.empty() ? Exit::usage : errors.front().kind;
}

}  // namespace rehome
