#include "common/far_program.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

namespace rehome {

namespace {

constexpr int ssh_failed = 255;

std::string place(const Host& host, const Argv& argv) {
    return host.text() + ": " + printable(argv);
}

// What it said, on standard error first, without the line feeds at its end.
std::string said(const Finished& finished) {
    std::string text = finished.err.empty() ? finished.out : finished.err;
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

Error late(const Host& host, std::string where, const RunOptions& options) {
    const double limit_s = static_cast<double>(options.timeout.count()) / 1e3;
    const std::string what = fmt::format("has not ended after {} s", limit_s);
    return host.kind == Host::Kind::ssh
               ? Error{Exit::unknown, std::move(where), what + ", and may still run there"}
               : Error{Exit::world, std::move(where), what};
}

Argv ours(const Host& host, std::string_view program, const Argv& words) {
    Argv argv{path_of_ours(host, program)};
    argv.insert(argv.end(), words.begin(), words.end());
    return argv;
}

}  // namespace

std::string path_of_ours(const Host& host, std::string_view program) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto beside = self.parent_path() / program;
    const bool here = host.kind != Host::Kind::ssh && !error;
    return here && access(beside.c_str(), X_OK) == 0 ? beside.string() : std::string(program);
}

Result<Finished> run_on(const Host& host, const Argv& argv, const RunOptions& options) {
    auto finished = run(host.on(argv), options);
    if (!finished) {
        return fail(finished.error().kind, place(host, argv), finished.error().what);
    }
    if (host.kind == Host::Kind::ssh && !finished->timed_out && finished->code == ssh_failed) {
        return fail(Exit::unknown, place(host, argv),
                    "cannot tell whether it ran: " + first_line(said(*finished)));
    }
    return finished;
}

Result<std::string> output_of(const Host& host, const Argv& argv, const RunOptions& options) {
    auto finished = run_on(host, argv, options);
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    if (finished->timed_out) {
        return tl::unexpected(late(host, place(host, argv), options));
    }
    if (finished->code != 0) {
        return fail(Exit::world, place(host, argv),
                    fmt::format("exit {}: {}", finished->code, first_line(said(*finished))));
    }
    return std::move(finished->out);
}

Result<Finished> run_ours_on(const Host& host, std::string_view program, const Argv& words,
                             const RunOptions& options) {
    return run_on(host, ours(host, program, words), options);
}

Result<std::string> output_of_ours(const Host& host, std::string_view program, const Argv& words,
                                   const RunOptions& options) {
    const Argv argv = ours(host, program, words);
    auto finished = run_on(host, argv, options);
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    if (finished->timed_out) {
        return tl::unexpected(late(host, place(host, argv), options));
    }
    const int code = finished->code;
    if (code == 0) {
        return std::move(finished->out);
    }
    const bool told = code <= static_cast<int>(Exit::unknown);
    const std::string words_of_it = said(*finished);
    return fail(told ? static_cast<Exit>(code) : Exit::world, host.text(),
                words_of_it.empty() || !told
                    ? fmt::format("{}: exit {}: {}", printable(argv), code, words_of_it)
                    : words_of_it);
}

}  // namespace rehome
