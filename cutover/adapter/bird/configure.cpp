#include "cutover/adapter/bird/configure.h"

#include <fmt/format.h>

#include <sstream>
#include <thread>

#include "common/clock.h"
#include "common/json/file.h"
#include "cutover/bird/tables.h"

namespace rehome::cutover {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds poll_every{50};

// BIRD's reply codes (doc/reply_codes).
constexpr int reconfigured = 3;
constexpr int in_progress = 4;
constexpr int queued = 5;
constexpr int confirmed = 18;
constexpr int nothing_to_do = 19;
constexpr int files_ok = 20;
constexpr int undo_pending = 22;

void pause(const StopSignal* stop) {
    if (stop != nullptr) {
        stop->wait(poll_every);
    } else {
        std::this_thread::sleep_for(poll_every);
    }
}

// The line itself, since whoever reads it may not have the file at hand; empty when it cannot be
// read.
std::string line_at(const Place& place) {
    const auto text = read_file(place.file);
    std::istringstream lines(text ? *text : "");
    std::string line;
    for (size_t i = 0; i < place.line; ++i) {
        if (!std::getline(lines, line)) {
            return "";
        }
    }
    return line;
}

tl::unexpected<Error> refused(const BirdReply& reply) {
    std::string what = fmt::format("BIRD refused: {:04} {}", reply.code(), reply.text());
    const auto place = place_of(reply.text());
    const std::string line = place ? line_at(*place) : "";
    return fail(Exit::world, "", line.empty() ? what : what + ", at " + in_quotes(line));
}

Result<> wait_until_configured(BirdClient& bird, const Patience& patience) {
    const auto ready = wait_until(patience, [&bird]() -> Result<bool> {
        const auto status = bird.ask("configure status");
        if (!status) {
            return tl::unexpected(status.error());
        }
        return !status->has(in_progress) && !status->has(queued);
    });
    if (!ready) {
        return tl::unexpected(ready.error());
    }
    return *ready ? Result<>()
                  : fail(Exit::world, "", "BIRD did not end its reconfiguration in time");
}

bool taken(const BirdReply& reply) {
    return reply.code() >= reconfigured && reply.code() <= queued;
}

}  // namespace

Result<bool> wait_until(const Patience& patience, const std::function<Result<bool>()>& condition) {
    const int64_t deadline = monotonic_us() + patience.limit.count() * 1'000;
    for (;;) {
        if (patience.stop != nullptr && patience.stop->wanted()) {
            return fail(Exit::world, "", "stopped by a signal");
        }
        auto holds = condition();
        if (!holds || *holds) {
            return holds;
        }
        if (monotonic_us() >= deadline) {
            return false;
        }
        pause(patience.stop);
    }
}

Result<bool> is_unconfirmed(BirdClient& bird) {
    const auto status = bird.ask("configure status");
    if (!status) {
        return tl::unexpected(status.error());
    }
    return status->has(undo_pending);
}

Result<> check_files(BirdClient& bird) {
    const auto reply = bird.ask("configure check");
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    return reply->code() == files_ok ? Result<>() : refused(*reply);
}

Result<> configure(BirdClient& bird, int64_t guard_s, const Patience& patience) {
    const auto reply =
        bird.ask(guard_s == 0 ? "configure" : fmt::format("configure timeout {}", guard_s));
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    return taken(*reply) ? wait_until_configured(bird, patience) : refused(*reply);
}

Result<> confirm(BirdClient& bird) {
    const auto reply = bird.ask("configure confirm");
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    return reply->code() == confirmed
               ? Result<>()
               : fail(Exit::world, "",
                      fmt::format("the configuration could not be confirmed: {:04} {} (undone by "
                                  "its timer, or replaced by another configure)",
                                  reply->code(), reply->text()));
}

Result<bool> undo(BirdClient& bird, const Patience& patience) {
    const auto reply = bird.ask("configure undo");
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (reply->code() == nothing_to_do) {
        return false;
    }
    if (!taken(*reply)) {
        return refused(*reply);
    }
    const auto ready = wait_until_configured(bird, patience);
    return ready ? Result<bool>(true) : tl::unexpected(ready.error());
}

}  // namespace rehome::cutover
