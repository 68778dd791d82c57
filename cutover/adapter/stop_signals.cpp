// The handler writes a byte into a pipe, so that whoever waits with poll(2) wakes up.
#include "cutover/adapter/stop_signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "common/clock.h"

namespace rehome::cutover {

namespace {

// Only lock-free atomics and descriptors are touched by the handler.
std::atomic<int> interrupts{0};
std::atomic<bool> stopping{false};
std::array<int, 2> wake{-1, -1};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void say(std::string_view text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
}

void on_signal(int number) {
    const int error = errno;
    if (number == SIGINT && ++interrupts >= 2) {
        say("\ncutover: left at once; `cutover resume` settles what was begun\n");
        _exit(128 + SIGINT);
    }
    if (!stopping.exchange(true)) {
        (void)!write(wake[1], "", 1);
        say("\ncutover: stopping as soon as that is safe (a second Ctrl-C leaves at once)\n");
    }
    errno = error;
}

void ignore_hang_up(int) {}

void handle(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
    if (wake[0] < 0 && pipe2(wake.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        wake = {-1, -1};  // waits then end at their time only
    }
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    // A handler and not SIG_IGN, which the commands that we run would inherit.
    handle(SIGHUP, ignore_hang_up);
}

bool StopSignals::wanted() const {
    return stopping;
}

void StopSignals::wait(Seconds time) const {
    const int64_t deadline = monotonic_us() + static_cast<int64_t>(time.count() * 1e6);
    while (!stopping) {
        const int64_t left = deadline - monotonic_us();
        if (left <= 0) {
            return;
        }
        pollfd woken{wake[0], POLLIN, 0};
        poll(&woken, 1, static_cast<int>(std::min<int64_t>((left + 999) / 1'000, 60'000)));
    }
}

bool StopSignals::wait_readable(int fd) const {
    while (!stopping) {
        std::array<pollfd, 2> wanted{pollfd{fd, POLLIN, 0}, pollfd{wake[0], POLLIN, 0}};
        if (poll(wanted.data(), wanted.size(), -1) > 0 && wanted[0].revents != 0) {
            return true;
        }
    }
    return false;
}

}  // namespace rehome::cutover
