// poll(2), eventfd(2).
#include "cutover/adapter/hand/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/clock.h"

namespace rehome::cutover {

namespace {

constexpr size_t errors_kept = 2'048;
constexpr int look_every_ms = 200;

bool set_nonblocking(const Fd& fd) {
    const int flags = fcntl(fd.get(), F_GETFL);
    return flags >= 0 && fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0;
}

// The id to which the hand's line answers.
std::optional<uint64_t> id_of(const Tale& tale) {
    if (const auto* ended = std::get_if<Ended>(&tale)) {
        return ended->id;
    }
    if (const auto* recalled = std::get_if<Recalled>(&tale)) {
        return recalled->id;
    }
    const auto* released = std::get_if<Released>(&tale);
    return released != nullptr ? std::optional(released->id) : std::nullopt;
}

// The last line that is not empty: what ssh says comes after what the host greets with.
std::string last_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Argv& command, const Hello& hello,
                                                     Notice notice) {
    auto child = spawn_piped(command);
    if (!child) {
        return tl::unexpected(child.error());
    }
    if (!set_nonblocking(child->to) || !set_nonblocking(child->from) ||
        !set_nonblocking(child->err)) {
        end(*child);
        return fail(Exit::world, printable(command), "its pipes cannot be used");
    }
    return std::unique_ptr<Connection>(new Connection(std::move(*child), hello, std::move(notice)));
}

Connection::Connection(Piped child, const Hello& hello, Notice notice)
    : child_(std::move(child)),
      hello_(hello),
      notice_(std::move(notice)),
      last_heard_us_(monotonic_us()),
      last_beat_us_(last_heard_us_),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    say(hello);
    sigset_t every;
    sigset_t before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    thread_ = std::jthread([this](const std::stop_token& end) { follow(end); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// The hand sees the end of its input, and leaves by itself; ssh is not waited for.
Connection::~Connection() {
    thread_.request_stop();
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
    thread_.join();
    child_.to.reset();
    child_.from.reset();
    pollfd leaves{child_.err.get(), 0, 0};  // closed by its end
    (void)poll(&leaves, 1, 100);
    end(child_);
}

bool Connection::is_dead() const {
    const std::lock_guard lock(mutex_);
    return !dead_.empty();
}

bool Connection::is_cut() const {
    const std::lock_guard lock(mutex_);
    return cut_;
}

int64_t Connection::last_beat_us() const {
    const std::lock_guard lock(mutex_);
    return last_beat_us_;
}

Error Connection::death() const {
    const std::string said = last_line(errors_);
    return {refused_ ? Exit::no : Exit::unknown, "",
            refused_ || said.empty() ? dead_ : dead_ + ": " + said};
}

Result<Welcome> Connection::await_welcome(Milliseconds limit) {
    std::unique_lock lock(mutex_);
    const auto settled = [this] { return welcome_ || waits_ || !dead_.empty(); };
    if (!changed_.wait_for(lock, limit, settled)) {
        die(fmt::format("has not answered for {} s", static_cast<double>(limit.count()) / 1e3));
    }
    changed_.wait(lock, [this] { return welcome_ || !dead_.empty(); });
    return dead_.empty() ? Result<Welcome>(*welcome_) : tl::unexpected(death());
}

Result<Tale> Connection::answer_to(uint64_t id, const Order& order, Milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!dead_.empty()) {
        return tl::unexpected(death());
    }
    answers_[id];
    say(order);
    const auto settled = [this, id] { return answers_[id] || !dead_.empty(); };
    const bool in_time = changed_.wait_for(lock, limit, settled);
    const auto answer = std::move(answers_[id]);
    answers_.erase(id);
    if (answer) {
        return *answer;
    }
    if (in_time) {
        return tl::unexpected(death());
    }
    return fail(Exit::unknown, "",
                fmt::format("the hand has not answered for {} s",
                            static_cast<double>(limit.count()) / 1e3));
}

Error Connection::give_up(const std::string& why) {
    const std::lock_guard lock(mutex_);
    die(why);
    return death();
}

// ---- with the mutex -----------------------------------------------------------------------------

void Connection::say(const Order& order) {
    told_.add(line_of(order));
    told_.flush(child_.to.get());  // its end is seen where it is read from
    if (!told_.empty()) {
        const uint64_t one = 1;
        (void)!write(wake_.get(), &one, sizeof one);
    }
}

void Connection::die(const std::string& why) {
    if (dead_.empty()) {
        dead_ = why;
    }
    changed_.notify_all();
}

void Connection::take_line(std::string_view line) {
    auto tale = parse_tale(line);
    if (!tale) {
        return die(tale.error().text());
    }
    if (const auto* beat = std::get_if<Beat>(&*tale)) {
        last_beat_us_ = monotonic_us();
        return say(*beat);
    }
    if (const auto* waits = std::get_if<Waits>(&*tale)) {
        waits_ = true;
        notice_(waits->what);
    } else if (const auto* refused = std::get_if<Refused>(&*tale)) {
        refused_ = true;
        die(refused->why);
    } else if (const auto* welcome = std::get_if<Welcome>(&*tale)) {
        welcome_ = *welcome;
    } else if (const auto id = id_of(*tale); id && answers_.contains(*id)) {
        answers_[*id] = std::move(*tale);
    }
    changed_.notify_all();
}

void Connection::take_error(std::string_view bytes) {
    errors_ += bytes;
    errors_.erase(0, errors_.size() - std::min(errors_.size(), errors_kept));
}

// ---- the thread ---------------------------------------------------------------------------------

void Connection::follow(const std::stop_token& end) {
    bool has_errors = true;  // until its end: an end would be polled for ever
    const auto hear_errors = [&] {
        std::array<char, 4096> buffer;
        if (const ssize_t said = read(child_.err.get(), buffer.data(), buffer.size()); said > 0) {
            take_error({buffer.data(), static_cast<size_t>(said)});
        } else {
            has_errors = said < 0 && has_errors;
        }
    };
    while (!end.stop_requested() && !is_dead()) {
        const bool has_backlog = [this] {
            const std::lock_guard lock(mutex_);
            return !told_.empty();
        }();
        std::array<pollfd, 4> polled{pollfd{child_.from.get(), POLLIN, 0},
                                     pollfd{has_errors ? child_.err.get() : -1, POLLIN, 0},
                                     pollfd{wake_.get(), POLLIN, 0},
                                     pollfd{has_backlog ? child_.to.get() : -1, POLLOUT, 0}};
        poll(polled.data(), polled.size(), look_every_ms);
        const std::lock_guard lock(mutex_);
        uint64_t woken = 0;
        (void)!read(wake_.get(), &woken, sizeof woken);
        hear_errors();
        const auto heard = heard_.read(child_.from.get(), [this](auto line) { take_line(line); });
        if (heard == LinesIn::Heard::some) {
            last_heard_us_ = monotonic_us();
        } else if (heard == LinesIn::Heard::too_long) {
            die("told more than it may");
        } else if (heard == LinesIn::Heard::end) {
            hear_errors();  // what it said before it left is there by now
            cut_ = dead_.empty();
            die("has gone");
        }
        told_.flush(child_.to.get());
        if (monotonic_us() - last_heard_us_ > hello_.silence.count() * 1'000) {
            die(fmt::format("was not heard for {} s",
                            static_cast<double>(hello_.silence.count()) / 1e3));
        }
    }
}

}  // namespace rehome::cutover
