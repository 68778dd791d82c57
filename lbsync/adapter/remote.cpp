#include "lbsync/adapter/remote.h"

#include <thread>

#include <nlohmann/json.hpp>

#include "common/far_program.h"
#include "common/sha256.h"
#include "lbsync/kernel/read.h"

namespace rehome::lbsync {

namespace {

constexpr std::chrono::seconds longest_command{30};
constexpr int not_found = 127;  // a shell's or env's, and of `ip netns exec`

// An operator's answers are about policies: whatever fails on a host is the world's failure.
template <typename T>
Result<T> of_the_world(Result<T> result) {
    return std::move(result).map_error([](Error error) {
        error.kind = Exit::world;
        return error;
    });
}

// What our own program prints is ours to understand.
Result<Standing> parse_here(const std::string& where, const std::string& text) {
    return parse_standing(where, text).map_error([](const std::vector<Error>& errors) {
        return Error{Exit::world, errors.front().where, errors.front().what};
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
    return ours("lbsync",
                {"put", "--path", path, "--expect-sha256", expected_sha256, "--sha256",
                 sha256(content)},
                content)
        .map([](const std::string&) {});
}

Result<Reading> Remote::ruleset() const {
    const auto finished =
        of_the_world(run_ours_on(host_, "lbsync", {"read"}, {.timeout = longest_command}));
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    const Exit code = static_cast<Exit>(finished->code);
    if (finished->timed_out || code == Exit::world) {
        return fail(Exit::world, name(),
                    finished->timed_out ? "lbsync read: has not ended in time" : finished->err);
    }
    if (code != Exit::yes) {
        return by_text_alone(finished->code == not_found
                                 ? "there is no lbsync, which reads what the kernel runs"
                                 : "its lbsync is of another version, or broken: " +
                                       finished->err.substr(0, finished->err.find('\n')));
    }
    auto read = kernel::parse_host_read(finished->out, name());
    if (!read) {
        return by_text_alone(read.error().what);
    }
    return read_host(std::move(*read), name()).map([&](Reading reading) {
        if (!reading.iptables) {
            reading.doubts.push_back(
                {name(), "its lbsync is of a version that tells nothing of iptables"});
        }
        return reading;
    });
}

// What nft prints, for people: nothing is proven by it.
Result<Reading> Remote::by_text_alone(const std::string& why) const {
    const auto json = command({"nft", "-s", "-j", "list", "ruleset"});
    const auto text = json ? command({"nft", "-s", "-a", "list", "ruleset"}) : json;
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto reading = read_ruleset(*json, *text, name());
    if (reading) {
        reading->doubts.insert(reading->doubts.begin(), Doubt{name(), why});
    }
    return reading;
}

Result<std::vector<Learned>> Remote::learned(const Ruleset& ruleset) const {
    const auto text = command({"nft", "-a", "list", "ruleset"});
    return text ? read_learned(*text, ruleset) : tl::unexpected(text.error());
}

Result<> Remote::check_batch(const std::string& batch) const {
    return command({"nft", "-c", "-f", "-"}, batch).map([](const std::string&) {});
}

Result<> Remote::run_batch(const std::string& batch, const std::string& armed) const {
    Argv words{"load", "--sha256", sha256(batch)};
    if (!armed.empty()) {
        words.insert(words.end(), {"--armed", armed});
    }
    return ours("lbsync", words, batch).map([](const std::string&) {});
}

Result<> Remote::run_steps(const std::vector<iptables::Step>& steps) const {
    constexpr int most_tries = 30;
    constexpr std::chrono::milliseconds pause(100);
    for (const iptables::Step& step : steps) {
        auto done = command(step.command, step.input);
        for (int tries = 1; !done && step.to_be_repeated && tries < most_tries; ++tries) {
            std::this_thread::sleep_for(pause);
            done = command(step.command, step.input);
        }
        if (!done) {
            return tl::unexpected(done.error());
        }
    }
    return {};
}

Result<Standing> Remote::standing() const {
    const auto finished =
        of_the_world(run_ours_on(host_, "lbsync", {"armed"}, {.timeout = longest_command}));
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    // Where there is none, or one of a version before, nothing can have been armed.
    if (finished->code == not_found || finished->code == static_cast<int>(Exit::usage)) {
        return Standing{};
    }
    if (finished->timed_out || finished->code != 0) {
        return fail(Exit::world, name() + ": lbsync armed",
                    finished->timed_out ? "has not ended in time"
                                        : finished->err.substr(0, finished->err.find('\n')));
    }
    return parse_here(name() + ": lbsync armed", finished->out);
}

Result<Armed> Remote::arm(const Armed& armed, int64_t seconds) const {
    Standing wanted;
    wanted.armed = armed;
    wanted.armed->saved = renamed(armed.saved, "local");
    const auto said =
        ours("lbsync", {"arm", "--seconds", std::to_string(seconds)}, to_json(wanted).dump());
    if (!said) {
        return tl::unexpected(said.error());
    }
    return parse_here(name() + ": lbsync arm", *said).and_then([&](Standing there) {
        return there.armed ? Result<Armed>(std::move(*there.armed))
                           : fail(Exit::world, name(), "lbsync arm: says nothing of what it armed");
    });
}

Result<> Remote::confirm(const std::string& id) const {
    return output_of_ours(host_, "lbsync", {"disarm", "--id", id, "--confirmed"},
                          {.timeout = longest_command})
        .map([](const std::string&) {});
}

Result<> Remote::disarm(const std::string& id) const {
    return ours("lbsync", {"disarm", "--id", id}).map([](const std::string&) {});
}

Result<> Remote::reload(const std::string& socket) const {
    return ours("vipctl", {"--socket", socket, "reload"}).map([](const std::string&) {});
}

Result<std::string> Remote::config(const std::string& socket) const {
    return ours("vipctl", {"--socket", socket, "config", "--json"});
}

}  // namespace rehome::lbsync
