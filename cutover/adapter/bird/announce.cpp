#include "cutover/adapter/bird/announce.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include "common/clock.h"
#include "common/json/file.h"

namespace rehome::cutover {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds poll_every{50};

// BIRD's reply codes (doc/reply_codes).
constexpr int reconfigured = 3;
constexpr int in_progress = 4;
constexpr int queued = 5;
constexpr int confirmed = 18;
constexpr int undo_pending = 22;

// Polls until the condition holds; false at the deadline.  An error ends it at once.
Result<bool> wait_until(int64_t deadline_us, const std::function<Result<bool>()>& condition) {
    for (;;) {
        auto holds = condition();
        if (!holds || *holds) {
            return holds;
        }
        if (monotonic_us() >= deadline_us) {
            return false;
        }
        std::this_thread::sleep_for(poll_every);
    }
}

class Announcement {
public:
    Announcement(BirdClient bird, const BirdTarget& target, Announce state, milliseconds limit)
        : bird_(std::move(bird)), target_(target), state_(state), limit_(limit) {}

    Result<> make() {
        // The order of these is told in the header.
        for (const auto step :
             {&Announcement::lock, &Announcement::see_sessions, &Announcement::wait_for_others}) {
            if (auto done = (this->*step)(); !done) {
                return done;
            }
        }
        auto changed = change();
        return changed ? changed : put_back(changed.error());
    }

private:
    int64_t deadline() const { return monotonic_us() + limit_.count() * 1'000; }

    tl::unexpected<Error> failed(const std::string& what) const {
        return fail(Exit::world, target_.gateway, what);
    }

    // Two at once would lose one's change to the include file.
    Result<> lock() {
        const std::string path = target_.announce_file + ".lock";
        lock_ = Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!lock_) {
            return fail(Exit::world, path, fmt::format("open: {}", strerror(errno)));
        }
        const auto held = wait_until(deadline(), [this]() -> Result<bool> {
            return flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
        });
        return *held ? Result<>() : failed("another announcement is being made; " + path);
    }

    Result<> see_sessions() {
        const auto view = look_at_bird(bird_, target_);
        if (!view) {
            return tl::unexpected(view.error());
        }
        for (const CarrierView& carrier : view->carriers) {
            if (state_ != Announce::withdrawn && !carrier.established()) {
                return failed(
                    fmt::format("the session {} is not established but {}; nothing was "
                                "changed",
                                carrier.carrier, carrier.session));
            }
        }
        return {};
    }

    Result<> wait_for_others() {
        const auto free = wait_for_status([](const BirdReply& r) { return !r.has(undo_pending); });
        if (!free) {
            return tl::unexpected(free.error());
        }
        return *free ? Result<>() : failed("another configuration waits to be confirmed");
    }

    Result<bool> wait_for_status(const std::function<bool(const BirdReply&)>& condition) {
        return wait_until(deadline(), [&]() -> Result<bool> {
            const auto status = bird_.ask("configure status");
            if (!status) {
                return tl::unexpected(status.error());
            }
            return condition(*status);
        });
    }

    Result<> change() {
        auto text = read_file(target_.announce_file);
        auto states = read_announce_file(target_);
        if (!text || !states) {
            return tl::unexpected(text ? states.error() : text.error());
        }
        before_ = std::move(*text);
        for (const std::string& carrier : target_.carriers) {
            (*states)[carrier] = state_;
        }
        written_ = true;
        auto done = write_file_atomically(target_.announce_file, announce_file_text(*states));
        for (const auto step :
             {&Announcement::configure, &Announcement::verify, &Announcement::confirm}) {
            done = done ? (this->*step)() : done;
        }
        return done;
    }

    Result<> configure() {
        // Longer than what verify may take, or it would undo what is still being looked at.
        const auto guard_s = limit_.count() / 1'000 + 10;
        const auto reply = bird_.ask(fmt::format("configure timeout {}", guard_s));
        if (!reply) {
            configured_ = true;  // perhaps
            return tl::unexpected(reply.error());
        }
        configured_ = reply->code() >= reconfigured && reply->code() <= queued;
        if (!configured_) {
            return failed(fmt::format("BIRD refused: {:04} {}", reply->code(), reply->text()));
        }
        return wait_until_configured();
    }

    Result<> wait_until_configured() {
        const auto ready = wait_for_status(
            [](const BirdReply& r) { return !r.has(in_progress) && !r.has(queued); });
        if (!ready) {
            return tl::unexpected(ready.error());
        }
        return *ready ? Result<>() : failed("BIRD did not end its reconfiguration in time");
    }

    Result<> verify() {
        std::string why;
        const auto right = wait_until(deadline(), [&]() -> Result<bool> {
            const auto view = look_at_bird(bird_, target_);
            if (!view) {
                return tl::unexpected(view.error());
            }
            why.clear();
            for (const CarrierView& carrier : view->carriers) {
                why = why.empty() ? why_not(carrier, state_) : why;
            }
            return why.empty();
        });
        if (!right) {
            return tl::unexpected(right.error());
        }
        return *right ? Result<>()
                      : failed(fmt::format("not as asked within {} s: {}",
                                           static_cast<double>(limit_.count()) / 1e3, why));
    }

    Result<> confirm() {
        const auto reply = bird_.ask("configure confirm");
        if (!reply) {
            return tl::unexpected(reply.error());
        }
        return reply->code() == confirmed
                   ? Result<>()
                   : failed(fmt::format("the configuration could not be confirmed: {:04} {} "
                                        "(undone by its timer, or replaced by another configure)",
                                        reply->code(), reply->text()));
    }

    // As it was before, and why.
    Result<> put_back(Error why) {
        if (written_) {
            if (auto restored = write_file_atomically(target_.announce_file, before_); !restored) {
                why.what += "; the include file could not be put back: " + restored.error().text();
            }
        }
        if (configured_) {
            // A fresh connection: on the old one a late reply may be waiting.
            auto bird = BirdClient::connect(target_.socket);
            const auto undone = bird ? bird->ask("configure undo") : tl::unexpected(bird.error());
            why.what += undone ? "; put back"
                               : "; BIRD could not be asked to undo it, its timer will: " +
                                     undone.error().text();
        }
        return tl::unexpected(why);
    }

    BirdClient bird_;
    const BirdTarget& target_;
    const Announce state_;
    const milliseconds limit_;
    Fd lock_;
    std::string before_;
    bool written_ = false;
    bool configured_ = false;
};

}  // namespace

Result<> announce(const BirdTarget& target, Announce state, milliseconds limit) {
    auto bird = BirdClient::connect(target.socket);
    if (!bird) {
        return tl::unexpected(bird.error());
    }
    return Announcement(std::move(*bird), target, state, limit).make();
}

}  // namespace rehome::cutover
