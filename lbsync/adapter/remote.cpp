#include "lbsync/adapter/remote.h"

#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

constexpr std::chrono::seconds longest_command{30};

std::string first_line(const Finished& finished) {
    const std::string& text = finished.err.empty() ? finished.out : finished.err;
    return text.substr(0, text.find('\n'));
}

// Our own program, for what runs on this machine; elsewhere it is expected in the path.
std::string own_program(const Host& host) {
    std::array<char, 4096> path{};
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
    return host.kind == Host::Kind::ssh || length <= 0
               ? "lbsync"
               : std::string(path.data(), static_cast<size_t>(length));
}

}  // namespace

Result<Remote> Remote::to(const std::string& host) {
    return Host::parse(host).map([](Host parsed) { return Remote(std::move(parsed)); });
}

Result<std::string> Remote::command(const Argv& argv, const std::string& input) const {
    auto finished = rehome::run(host_.on(argv), {.timeout = longest_command, .input = input});
    const std::string where = fmt::format("{}: {}", name(), printable(argv));
    if (!finished) {
        return fail(finished.error().kind, where, finished.error().text());
    }
    if (finished->timed_out) {
        return fail(Exit::world, where,
                    fmt::format("has not ended after {} s", longest_command.count()));
    }
    if (finished->code != 0) {
        return fail(Exit::world, where,
                    fmt::format("exit {}: {}", finished->code, first_line(*finished)));
    }
    return std::move(finished->out);
}

Result<std::string> Remote::read_file(const std::string& path) const {
    return command({"cat", "--", path});
}

Result<> Remote::write_file(const std::string& path, const std::string& content,
                            const std::string& expected_sha256) const {
    return command({own_program(host_), "put", "--path", path, "--expect-sha256", expected_sha256},
                   content)
        .map([](const std::string&) {});
}

Result<Reading> Remote::ruleset() const {
    constexpr int tries = 3;
    Result<Reading> reading = fail(Exit::unknown, name(), "not read");
    for (int i = 0; i < tries && (!reading || !reading->doubts.empty()); ++i) {
        const auto json = command({"nft", "-s", "-j", "list", "ruleset"});
        const auto text = json ? command({"nft", "-s", "-a", "list", "ruleset"}) : json;
        if (!text) {
            return tl::unexpected(text.error());
        }
        reading = read_ruleset(*json, *text, name());
    }
    return reading;
}

Result<> Remote::check_batch(const std::string& batch) const {
    return command({"nft", "-c", "-f", "-"}, batch).map([](const std::string&) {});
}

Result<> Remote::run_batch(const std::string& batch) const {
    return command({"nft", "-f", "-"}, batch).map([](const std::string&) {});
}

Result<> Remote::reload(const std::string& socket) const {
    return command({"vipctl", "--socket", socket, "reload"}).map([](const std::string&) {});
}

Result<std::string> Remote::config(const std::string& socket) const {
    return command({"vipctl", "--socket", socket, "config", "--json"});
}

}  // namespace rehome::lbsync
