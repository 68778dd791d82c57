#include "cutover/adapter/outlet.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace rehome::cutover {

namespace {

constexpr size_t held_at_most = 256 << 10;
constexpr size_t before_a_sketch = 4 << 10;
constexpr size_t written_at_once = 4 << 10;

// A terminal that is held up by Ctrl-S may have taken text and not have shown it.
bool terminal_holds_text(int fd) {
    int bytes = 0;
    return ioctl(fd, TIOCOUTQ, &bytes) == 0 && bytes > 0;
}

// False when nobody will ever take text there.
bool write_some(int fd, std::string_view& text) {
    pollfd polled{fd, POLLOUT, 0};
    poll(&polled, 1, -1);
    const ssize_t count = write(fd, text.data(), std::min(text.size(), written_at_once));
    if (count < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    text.remove_prefix(static_cast<size_t>(count));
    return true;
}

}  // namespace

struct Outlet::State {
    State(int to, Dropped in_place) : fd(to), dropped(std::move(in_place)) {}

    const int fd;
    const Dropped dropped;
    std::mutex mutex{};
    std::condition_variable changed{};
    std::string held{};  // what no write has begun with
    size_t dropped_lines = 0;
    bool writing = false;
    bool gone = false;   // nobody takes it any more
    bool ended = false;  // nobody puts anything any more

    void take(std::string_view text);
    void write_all();
    bool is_out() const { return gone || (held.empty() && !writing && dropped_lines == 0); }

private:
    std::string next();
};

// With the mutex held.  Once something was dropped, so is all that follows until half is free.
void Outlet::State::take(std::string_view text) {
    const size_t most = dropped_lines > 0 ? held_at_most / 2 : held_at_most;
    if (held.size() + text.size() > most) {
        dropped_lines += static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
        return;
    }
    if (dropped_lines > 0) {
        held += dropped(std::exchange(dropped_lines, 0));
    }
    held += text;
    changed.notify_all();
}

// What is to be written next; waits for it.  Empty: there will be nothing any more.
std::string Outlet::State::next() {
    std::unique_lock lock(mutex);
    writing = false;
    changed.notify_all();
    changed.wait(lock, [this] { return !held.empty() || dropped_lines > 0 || ended || gone; });
    if (held.empty() && dropped_lines > 0) {
        held = dropped(std::exchange(dropped_lines, 0));
    }
    writing = !gone && !held.empty();
    return gone ? "" : std::exchange(held, "");
}

void Outlet::State::write_all() {
    for (std::string text = next(); !text.empty(); text = next()) {
        std::string_view left = text;
        while (!left.empty()) {
            if (!write_some(fd, left)) {
                const std::lock_guard lock(mutex);
                gone = true;
                break;
            }
        }
    }
}

// Takes no signals, so that they reach the runner; and a terminal does not stop us for writing from
// the background (SIGTTOU).
Outlet::Outlet(int fd, Dropped dropped) : state_(std::make_shared<State>(fd, std::move(dropped))) {
    sigset_t every;
    sigset_t before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    std::thread([state = state_] { state->write_all(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Outlet::~Outlet() {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
    state_->changed.notify_all();
}

void Outlet::put(std::string_view text) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->gone) {
        state_->take(text);
    }
}

void Outlet::sketch(std::string_view text) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->gone && state_->held.size() < before_a_sketch) {
        state_->take(text);
    }
}

bool Outlet::is_out() const {
    const std::lock_guard lock(state_->mutex);
    return state_->is_out() && (state_->gone || !terminal_holds_text(state_->fd));
}

bool Outlet::drain(std::chrono::milliseconds at_most) const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, at_most, [this] { return state_->is_out(); });
}

}  // namespace rehome::cutover
