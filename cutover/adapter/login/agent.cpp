// Level-triggered epoll(7).  An event carries the session's index and the number of its connection,
// as one turn may bring news of a connection that was closed in the same turn.
#include "cutover/adapter/login/agent.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "cutover/login/report.h"

namespace rehome::cutover {
namespace {

constexpr int64_t record_us = 1'000'000;
constexpr int64_t tick_us = 5'000;     // alarms are served together, not one a wake-up
constexpr size_t read_limit = 16'384;  // per connection and turn
constexpr size_t events_per_turn = 512;
constexpr uint64_t stop_key = ~uint64_t{0};
constexpr rlim_t other_files = 64;

tl::unexpected<Error> system_error(const char* what) {
    return fail(Exit::world, "login agent",
                fmt::format("{}: {}", what, std::generic_category().message(errno)));
}

// An event's key: which session, and which of its connections.
uint64_t key_of(uint32_t index, uint32_t opened) {
    return uint64_t{opened} << 32 | index;
}

Result<> raise_file_limit(rlim_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return system_error("getrlimit");
    if (limit.rlim_cur >= wanted) return {};
    limit.rlim_cur = wanted;
    limit.rlim_max = std::max(limit.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
    return system_error(fmt::format("cannot open {} sockets, raise the hard limit of open files "
                                    "(`ulimit -Hn`, /proc/sys/fs/nr_open)",
                                    wanted)
                            .c_str());
}

void say(const std::string& text) {
    fmt::print(stderr, "{} {}\n", iso8601(now_us()), text);
}

}  // namespace

Result<> check_task(const LoginTask& task) {
    for (const Address& source : task.plan.sources) {
        auto checked = check_source(task.path, source);
        if (!checked) return checked;
    }
    return raise_file_limit(task.plan.held.size() + task.plan.canaries.size() + other_files);
}

LoginAgent::LoginAgent(LoginTask task, LoginFolder folder)
    : task_(std::move(task)),
      folder_(std::move(folder)),
      connections_(task_.plan.held.size() + task_.plan.canaries.size()),
      timers_(connections_.size() + 1),
      tally_(task_.plan.held.size()),
      buffer_(read_limit) {}

Result<> LoginAgent::run(const std::function<void()>& started) {
    auto done = prepare().and_then([this] { return record(monotonic_us()); });
    if (!done) return done;
    started();
    for (;;) {
        const auto more = turn();
        if (!more) {
            say(more.error().text());
            return tl::unexpected(more.error());
        }
        if (!*more) break;
    }
    // The last status tells how things stood; closing the sessions is not part of it.
    const int64_t now = monotonic_us();
    done = folder_.append_gaps(gaps_).and_then([this, now] {
        return write_status(
            {now_us(), task_.login, task_.carrier, true, late_us_, tally_.counts(now)});
    });
    close_all();
    say("ended");
    return done;
}

Result<> LoginAgent::prepare() {
    auto pid = folder_.write_pid();
    if (!pid) return pid;
    auto stop = StopSignal::watch();
    if (!stop) return tl::unexpected(stop.error());
    stop_.emplace(std::move(*stop));
    epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = stop_key;
    if (!epoll_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_->fd(), &event) != 0) {
        return system_error("epoll");
    }
    const LoginPlan& plan = task_.plan;
    const int64_t now = monotonic_us();
    for (const LoginPlan::Client& client : plan.held) {
        sessions_.emplace_back(task_.script, plan.held_rules, client.number, now + client.phase_us,
                               now + client.first_us);
    }
    for (const LoginPlan::Client& client : plan.canaries) {
        sessions_.emplace_back(task_.script, plan.canary_rules, client.number,
                               now + client.phase_us, now + client.first_us);
    }
    for (uint32_t index = 0; index < sessions_.size(); ++index) {
        timers_.set(index, sessions_[index].deadline());
    }
    next_record_ = now;
    say(fmt::format("login {} on {}: {} sessions from {} addresses to {}", task_.login,
                    task_.carrier, plan.held.size(), plan.sources.size(),
                    task_.path.remote.text()));
    return {};
}

// How long the agent may sleep: to the end of the tick in which the next alarm is due.
int64_t LoginAgent::until_alarm() const {
    if (timers_.next() == never) return record_us;
    const int64_t tick_end = (timers_.next() / tick_us + 1) * tick_us;
    return std::clamp<int64_t>(tick_end - monotonic_us(), 0, record_us);
}

// Waits for what comes first and handles it; false once the agent was asked to end.
Result<bool> LoginAgent::turn() {
    std::array<epoll_event, events_per_turn> events;
    const auto wait_ms = static_cast<int>((until_alarm() + 999) / 1000);
    const int count = epoll_wait(epoll_.get(), events.data(), events_per_turn, wait_ms);
    if (count < 0 && errno != EINTR) return system_error("epoll_wait");
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        if (event.data.u64 == stop_key) return false;
        on_event(event.data.u64, event.events);
    }
    const auto recorder = static_cast<uint32_t>(sessions_.size());
    for (int64_t now = monotonic_us(); const auto index = timers_.take_due(now);
         now = monotonic_us()) {
        if (*index != recorder) {
            on_alarm(*index, now);
            continue;
        }
        const auto recorded = record(now);
        if (!recorded) return tl::unexpected(recorded.error());
    }
    return true;
}

void LoginAgent::on_event(uint64_t key, uint32_t events) {
    const auto index = static_cast<uint32_t>(key);
    Connection& connection = connections_[index];
    if (!connection.fd || key != key_of(index, connection.opened)) return;
    const int64_t now = monotonic_us();
    if (sessions_[index].state() == LoginState::connecting) return finish_connecting(index, now);
    if ((events & EPOLLOUT) != 0) {
        if (const auto cause = send(index, "")) return broken(index, *cause, now);
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) receive(index, now);
}

void LoginAgent::on_alarm(uint32_t index, int64_t now) {
    LoginSession& session = sessions_[index];
    late_us_ = std::max(late_us_, now - session.deadline());
    const LoginView before(session);
    perform(index, before, session.on_timer(now), now);
}

// Recursion ends at once: a session that cannot connect twice in a row waits.
void LoginAgent::perform(uint32_t index, const LoginView& before, const LoginActions& actions,
                         int64_t now) {
    const LoginSession& session = sessions_[index];
    tally_.note(before, session, actions);
    if (actions.gap) {
        gaps_ += gap_line(*actions.gap, task_.path.remote, now_us() - monotonic_us());
    }
    if (actions.close) {
        connections_[index].fd.reset();
        connections_[index].unsent.clear();
    }
    std::optional<LoginCause> cause;
    if (actions.connect) {
        cause = open(index);
    } else if (!actions.send.empty()) {
        cause = send(index, actions.send);
    }
    timers_.set(index, session.deadline());
    if (cause) broken(index, *cause, now);
}

void LoginAgent::broken(uint32_t index, LoginCause cause, int64_t now) {
    const LoginView before(sessions_[index]);
    perform(index, before, sessions_[index].on_broken(now, cause), now);
}

std::optional<LoginCause> LoginAgent::open(uint32_t index) {
    auto fd = open_connection(task_.path, source_of(index));
    if (!fd) return LoginCause::own;
    Connection& connection = connections_[index];
    connection.fd = std::move(*fd);
    ++connection.opened;
    if (!watch(index, EPOLLOUT, true)) return LoginCause::own;
    return std::nullopt;
}

// A canary goes out under a new number and from the next address each time.
const Address& LoginAgent::source_of(uint32_t index) {
    const LoginPlan& plan = task_.plan;
    if (index < plan.held.size()) return plan.sources[plan.held[index].source];
    const uint32_t nth = canaries_sent_++;
    sessions_[index].renumber(plan.canary_number + nth % LoginPlan::canary_numbers);
    return plan.sources[nth % plan.sources.size()];
}

// Sends what waits and then bytes; what the socket does not take now goes when it can.
std::optional<LoginCause> LoginAgent::send(uint32_t index, const std::string& bytes) {
    Connection& connection = connections_[index];
    const bool waited = !connection.unsent.empty();
    connection.unsent += bytes;
    const ssize_t count = ::send(connection.fd.get(), connection.unsent.data(),
                                 connection.unsent.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return cause_of(errno);
    connection.unsent.erase(0, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    const bool waits = !connection.unsent.empty();
    if (waits != waited && !watch(index, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, false)) {
        return LoginCause::own;
    }
    return std::nullopt;
}

void LoginAgent::finish_connecting(uint32_t index, int64_t now) {
    const int fd = connections_[index].fd.get();
    if (const int error = pending_error(fd); error != 0) return broken(index, cause_of(error), now);
    if (!watch(index, EPOLLIN, false)) return broken(index, LoginCause::own, now);
    LoginSession& session = sessions_[index];
    const LoginView before(session);
    perform(index, before, session.on_connected(now, local_endpoint(fd)), now);
}

// One read a turn, so that a server that sends without end delays nobody else.
void LoginAgent::receive(uint32_t index, int64_t now) {
    LoginSession& session = sessions_[index];
    const ssize_t count = recv(connections_[index].fd.get(), buffer_.data(), buffer_.size(), 0);
    if (count > 0) {
        const LoginView before(session);
        const std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
        perform(index, before, session.on_bytes(now, bytes), now);
    } else if (count == 0) {
        broken(index, LoginCause::closed, now);
    } else if (errno != EAGAIN && errno != EINTR) {
        broken(index, cause_of(errno), now);
    }
}

bool LoginAgent::watch(uint32_t index, uint32_t events, bool fresh) {
    const Connection& connection = connections_[index];
    epoll_event event{};
    event.events = events;
    event.data.u64 = key_of(index, connection.opened);
    const int operation = fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(epoll_.get(), operation, connection.fd.get(), &event) == 0;
}

// Each second: the gaps that have ended, a line of the series, the status; and in the log, how many
// logins or sessions have failed since, with the last one's words.
Result<> LoginAgent::record(int64_t now) {
    next_record_ += (std::max<int64_t>(now - next_record_, 0) / record_us + 1) * record_us;
    timers_.set(static_cast<uint32_t>(sessions_.size()), next_record_);
    const LoginStatus status{
        now_us(),          task_.login, task_.carrier, false, std::exchange(late_us_, 0),
        tally_.counts(now)};
    const uint64_t failures = status.counts.logins_failed + status.counts.broken();
    if (failures > failures_told_) {
        say(fmt::format("{} logins or sessions failed, the last: {}", failures - failures_told_,
                        status.counts.last_failure));
        failures_told_ = failures;
    }
    const std::string gaps = std::exchange(gaps_, {});
    return folder_.append_gaps(gaps).and_then([&] { return write_status(status); });
}

Result<> LoginAgent::write_status(const LoginStatus& status) {
    return folder_.append_series(to_series(status).dump() + "\n").and_then([&] {
        return folder_.write_status(to_json(status).dump() + "\n");
    });
}

void LoginAgent::close_all() {
    for (uint32_t index = 0; index < sessions_.size(); ++index) {
        sessions_[index].stop();
        connections_[index].fd.reset();
    }
}

}  // namespace rehome::cutover
