#include "lbsync/adapter/remote.h"

#include "common/far_program.h"

namespace rehome::lbsync {

namespace {

constexpr std::chrono::seconds longest_command{30};

// An operator's answers are about policies: whatever fails on a host is the world's failure.
template <typename T>
Result<T> of_the_world(Result<T> result) {
    return std::move(result).map_error([](Error error) {
        error.kind = Exit::world;
        return error;
    });
}

}  // namespace

Result<Remote> Remote::to(const std::string& host) {
    return Host::parse(host).map([](Host parsed) { return Remote(std::move(parsed)); });
}

Result<std::string> Remote::command(const Argv& argv, const std::string& input) const {
    return of_the_world(output_of(host_, argv, {.timeout = longest_command, .input = input}));
}

Result<std::string> Remote::ours(std::string_view program, const Argv& words,
                                 const std::string& input) const {
    return of_the_world(
        output_of_ours(host_, program, words, {.timeout = longest_command, .input = input}));
}

Result<std::string> Remote::read_file(const std::string& path) const {
    return command({"cat", "--", path});
}

Result<> Remote::write_file(const std::string& path, const std::string& content,
                            const std::string& expected_sha256) const {
    return ours("lbsync", {"put", "--path", path, "--expect-sha256", expected_sha256}, content)
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
    return ours("vipctl", {"--socket", socket, "reload"}).map([](const std::string&) {});
}

Result<std::string> Remote::config(const std::string& socket) const {
    return ours("vipctl", {"--socket", socket, "config", "--json"});
}

}  // namespace rehome::lbsync
