// The command line of a program: run in a child process, so that what it prints and its exit code
// are what a shell would see.
#include "common/command.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <stdexcept>

#include "common/json/file.h"

namespace rehome {
namespace {

// name=value of each option that was given.
void print_values(const Given& given) {
    for (const char* name : {"json", "place", "rate", "socket"}) {
        if (given.has(name)) {
            const std::string_view option = name;
            std::cout << name << "="
                      << (option == "json"   ? ""
                          : option == "rate" ? std::to_string(given.integer(name))
                                             : given.text(name))
                      << " ";
        }
    }
}

Program example() {
    Program program{.name = "demo", .summary = "shows commands", .teaching = "Example: demo go x"};
    program.options = {Option::text("socket", "where to connect")};
    program.commands = {
        {.name = "go",
         .summary = "goes",
         .teaching = "Example:\n  demo go there",
         .options = {Option::text("place", "where to").required().positional(),
                     Option::integer("rate", "how fast").within(0, 9),
                     Option::flag("json", "as JSON")},
         .act =
             [](const Given& given) {
                 print_values(given);
                 return Result<Exit>(Exit::yes);
             }},
        {.name = "login start",
         .summary = "starts",
         .act = [](const Given&) { return Result<Exit>(Exit::no); }},
        {.name = "sum",
         .summary = "adds",
         .options = {Option::text("word", "what").repeated().positional(),
                     Option::number("from", "where from").by_default("0.5"),
                     Option::integer("of", "how many").shown_as("N").by_default("7")},
         .act =
             [](const Given& given) {
                 for (const std::string& word : given.texts("word")) {
                     std::cout << word << " ";
                 }
                 std::cout << given.number("from") << (given.has("from") ? " given " : " ")
                           << given.integer("of");
                 return Result<Exit>(Exit::yes);
             }},
        {.name = "break",
         .summary = "fails",
         .act = [](const Given&) -> Result<Exit> {
             return fail(Exit::unknown, "here", "no data");
         }},
        {.name = "throw",
         .summary = "throws",
         .act = [](const Given&) -> Result<Exit> { throw std::runtime_error("oops"); }},
        {.name = "unknown",
         .summary = "asks for what it has not",
         .act = [](const Given& given) -> Result<Exit> {
             return given.has("place") ? Exit::yes : Exit::no;
         }},
        {.name = "mistakes",
         .summary = "prints mistakes",
         .act = [](const Given&) -> Result<Exit> {
             return print_mistakes(
                 {{Exit::usage, "f: /a", "wrong"}, {Exit::usage, "f: /b", "bad"}});
         }},
    };
    return program;
}

struct Printed {
    int code = -1;
    std::string out;
    std::string err;
};

std::string contents(const char* path) {
    return read_file(path).value_or("unreadable");
}

// Runs the example in a child; out_path: where its standard output goes.
Printed run_example(std::vector<std::string> words, const char* out_path = nullptr) {
    char out[] = "/tmp/rehome-command-test.XXXXXX";
    char err[] = "/tmp/rehome-command-test.XXXXXX";
    const int out_fd = mkstemp(out);
    const int err_fd = mkstemp(err);
    words.insert(words.begin(), "demo");
    std::cout.flush();  // or the child would print it again
    const pid_t child = fork();
    if (child == 0) {
        dup2(out_path == nullptr ? out_fd : open(out_path, O_WRONLY), 1);
        dup2(err_fd, 2);
        std::vector<char*> argv;
        for (std::string& word : words) {
            argv.push_back(word.data());
        }
        _exit(run_program(example(), static_cast<int>(argv.size()), argv.data()));
    }
    close(out_fd);
    close(err_fd);
    int status = -1;
    waitpid(child, &status, 0);
    Printed printed{WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(out), contents(err)};
    unlink(out);
    unlink(err);
    return printed;
}

TEST_CASE("command lines that are taken") {
    const struct {
        std::vector<std::string> words;
        int code;
        std::string out;
    } cases[] = {
        {{"go", "x"}, 0, "place=x "},
        {{"go", "--place", "x"}, 0, "place=x "},
        {{"go", "--place=x", "--rate", "5"}, 0, "place=x rate=5 "},
        {{"go", "x", "--json"}, 0, "json= place=x "},
        {{"sum"}, 0, "0.5 7"},
        {{"sum", "a", "b", "--word", "c"}, 0, "a b c 0.5 7"},
        {{"sum", "--from", "0.5", "--of=-3"}, 0, "0.5 given -3"},
        {{"go", "--", "-x"}, 0, "place=-x "},
        {{"--socket", "/s", "go", "x"}, 0, "place=x socket=/s "},
        {{"--socket=/s", "go", "x"}, 0, "place=x socket=/s "},
        {{"go", "x", "--socket", "/s"}, 0, "place=x socket=/s "},
        {{"--socket", "go", "go", "x"}, 0, "place=x socket=go "},
        {{"login", "start"}, 1, ""},
        {{"--version"}, 0, "demo 0.1.0\n"},
    };
    for (const auto& row : cases) {
        const Printed printed = run_example(row.words);
        CAPTURE(row.out);
        CHECK(printed.code == row.code);
        CHECK(printed.out == row.out);
        CHECK(printed.err == "");
    }
}

TEST_CASE("wrong usage is one line that helps, exit code 2") {
    constexpr const char* all =
        "expected one of: go, login start, sum, break, throw, unknown, mistakes";
    const struct {
        std::vector<std::string> words;
        std::string says;
    } cases[] = {
        {{}, std::string("demo: no command, ") + all + "; see `demo --help`\n"},
        {{"fly"}, std::string("demo: no command \"fly\", ") + all + "; see `demo --help`\n"},
        {{"log\nin"}, std::string("demo: no command \"log\\x0ain\", ") + all},
        {{"login"}, "demo: no command \"login\", "},
        {{"start"}, "demo: no command \"start\", "},
        {{"--wrong"}, "demo: no command \"--wrong\", "},
        {{"-h"}, "demo: no command \"-h\", "},
        {{"--socket"}, "demo: no command, "},
        {{""}, "demo: no command \"\", "},
        {{"go"}, "demo go: the option '--place' is required but missing; see `demo go --help`\n"},
        {{"go", "x", "y"}, "demo go: too many positional options"},
        {{"go", "x", "--wrong"}, "demo go: unrecognised option '--wrong'"},
        {{"go", "x", "--rat", "5"}, "demo go: unrecognised option '--rat'"},
        {{"go", "x", "--rate"}, "demo go: the required argument for option '--rate' is missing"},
        {{"go", "x", "--rate", "fast"},
         "demo go: --rate is \"fast\", expected an integer from 0 to 9"},
        {{"go", "x", "--rate", "10"}, "demo go: --rate is \"10\", expected an integer from 0 to 9"},
        {{"go", "x", "--rate", "-1"}, "demo go: --rate is \"-1\", expected an integer from 0 to 9"},
        {{"go", "x", "--rate", "1\n"}, "demo go: --rate is \"1\\x0a\", expected"},
        {{"sum", "--of", "9223372036854775808"}, "demo sum: --of is \"9223372036854775808\", "},
        {{"sum", "--of", "1.5"}, "demo sum: --of is \"1.5\", expected an integer; see"},
        {{"sum", "--from", "nan"}, "demo sum: --from is \"nan\", expected a number"},
        {{"sum", "--from", "1e999"}, "demo sum: --from is \"1e999\", expected a number"},
        {{"sum", "--from", ""}, "demo sum: --from is \"\", expected a number"},
        {{"go", "x", "--rate=1", "--rate=2"}, "demo go: option '--rate' cannot be specified more"},
        {{"login", "start", "x"}, "demo login start: "},
    };
    for (const auto& row : cases) {
        const Printed printed = run_example(row.words);
        CAPTURE(row.says);
        CAPTURE(printed.err);
        CHECK(printed.code == 2);
        CHECK(printed.out == "");
        CHECK(printed.err.starts_with(row.says));
        CHECK(std::count(printed.err.begin(), printed.err.end(), '\n') == 1);
    }
}

TEST_CASE("help teaches") {
    const Printed program = run_example({"--help"});
    CHECK(program.code == 0);
    for (const char* part : {"demo: shows commands", "Usage: demo COMMAND",
                             "  login start  starts\n", "--socket", "\nExample: demo go x\n"}) {
        CAPTURE(part);
        CHECK(program.out.find(part) != std::string::npos);
    }
    const Printed command = run_example({"go", "--help"});
    CHECK(command.code == 0);
    for (const char* part : {"demo go: goes", "Usage: demo go PLACE [options]", "--rate",
                             "--socket", "\nExample:\n  demo go there\n"}) {
        CAPTURE(part);
        CHECK(command.out.find(part) != std::string::npos);
    }
    const Printed several = run_example({"sum", "--help"});
    for (const char* part :
         {"Usage: demo sum WORD... [options]", "--from arg (=0.5)", "--of N (=7)"}) {
        CAPTURE(part);
        CHECK(several.out.find(part) != std::string::npos);
    }
    CHECK(run_example({"--socket", "/s", "--help"}).out == program.out);
}

TEST_CASE("errors become exit codes") {
    CHECK(run_example({"break"}).code == 4);
    CHECK(run_example({"break"}).err == "here: no data\n");
    CHECK(run_example({"throw"}).code == 3);
    CHECK(run_example({"throw"}).err == "demo: internal error: oops\n");
    CHECK(run_example({"unknown"}).code == 3);
    CHECK(run_example({"unknown"}).err ==
          "demo: internal error: --place is no option of this command\n");
    CHECK(run_example({"mistakes"}).code == 2);
    CHECK(run_example({"mistakes"}).err == "f: /a: wrong\nf: /b: bad\n");
}

TEST_CASE("output that cannot be written is no success") {
    const Printed printed = run_example({"go", "x"}, "/dev/full");
    CHECK(printed.code == 3);
    CHECK(printed.err == "demo: standard output: cannot be written\n");
}

TEST_CASE("a reader that has gone is no success, and no death by SIGPIPE") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    const std::string path = "/proc/self/fd/" + std::to_string(ends[1]);
    std::cout.flush();  // or the child would print it again
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        char name[] = "demo";
        char help[] = "--help";
        char* argv[] = {name, help};
        _exit(run_program(example(), 2, argv));
    }
    close(ends[1]);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 3);
}

}  // namespace
}  // namespace rehome
