// Handlers and not signalfd(2): a second SIGINT has to leave also while nobody reads, as in a wait
// for a child.  They write to an eventfd(2), which is never read.
#include "common/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/clock.h"

namespace rehome {

namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};

// All that the handlers touch.  The texts do not change while they are installed.
std::atomic<int> wake{-1};
std::atomic<int> interrupts{0};
std::atomic<bool> asked{false};
StopSignal::Manner words;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// A terminal that takes nothing (Ctrl-S) would hold the handler, and what it has interrupted.
void say(std::string_view text) {
    pollfd polled{STDERR_FILENO, POLLOUT, 0};
    if (poll(&polled, 1, 0) <= 0) {
        return;
    }
    (void)!write(STDERR_FILENO, text.data(), text.size());
}

void wish() {
    if (!asked.exchange(true)) {
        const uint64_t one = 1;
        (void)!write(wake, &one, sizeof one);
        say(words.asked);
    }
}

void on_stop(int number) {
    const int error = errno;
    if (number == SIGINT && ++interrupts >= 2 && !words.left.empty()) {
        say(words.left);
        _exit(128 + SIGINT);
    }
    wish();
    errno = error;
}

// A handler and not SIG_IGN, which the commands that we run would inherit.
void on_hang_up(int) {}

}  // namespace

Result<StopSignal> StopSignal::watch(const Manner& manner) {
    if (wake >= 0) {
        return fail(Exit::world, "signals", "are watched for already");
    }
    StopSignal stop(Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    if (!stop.fd_) {
        return fail(Exit::world, "signals", std::string("eventfd: ") + strerror(errno));
    }
    wake = stop.fd();
    interrupts = 0;
    asked = false;
    words = manner;
    for (size_t i = 0; i < signals.size(); ++i) {
        struct sigaction action {};
        const bool is_hang_up = signals[i] == SIGHUP;
        action.sa_handler = is_hang_up && !manner.hangs_up ? on_hang_up : on_stop;
        action.sa_flags = SA_RESTART;
        const bool left_alone = is_hang_up && !manner.outlives_terminal && !manner.hangs_up;
        sigaction(signals[i], left_alone ? nullptr : &action, &stop.before_[i]);
    }
    return stop;
}

StopSignal::~StopSignal() {
    if (!fd_) {
        return;  // moved from
    }
    for (size_t i = 0; i < signals.size(); ++i) {
        sigaction(signals[i], &before_[i], nullptr);
    }
    wake = -1;
}

bool StopSignal::interrupted() const {
    return interrupts > 0;
}

void StopSignal::want() const {
    wish();
}

bool StopSignal::wanted() const {
    return asked;
}

void StopSignal::wait(std::chrono::duration<double> time) const {
    const int64_t deadline = monotonic_us() + static_cast<int64_t>(time.count() * 1e6);
    while (!wanted()) {
        const int64_t left = deadline - monotonic_us();
        if (left <= 0) {
            return;
        }
        pollfd woken{fd(), POLLIN, 0};
        poll(&woken, 1, static_cast<int>(std::min<int64_t>((left + 999) / 1'000, 60'000)));
    }
}

bool StopSignal::wait_readable(int fd) const {
    while (!wanted()) {
        std::array<pollfd, 2> polled{pollfd{fd, POLLIN, 0}, pollfd{this->fd(), POLLIN, 0}};
        if (poll(polled.data(), polled.size(), -1) > 0 && polled[0].revents != 0) {
            return true;
        }
    }
    return false;
}

}  // namespace rehome
