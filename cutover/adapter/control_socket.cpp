#include "cutover/adapter/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/fd.h"
#include "cutover/adapter/who.h"

namespace rehome::cutover {

namespace {

constexpr size_t connections_at_most = 16;
constexpr int64_t patience_us = 2'000'000;  // for a line, and for a reply
constexpr const char* socket_name = "control";

Error system_error(const std::string& folder, const char* call) {
    return {Exit::world, folder + "/" + socket_name, fmt::format("{}: {}", call, strerror(errno))};
}

// By the folder's descriptor, as a socket's name must be short and a journal's need not.
sockaddr_un address_in(const Fd& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    fmt::format_to_n(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1,
                     "/proc/self/fd/{}/{}", folder.get(), socket_name);
    return address;
}

const sockaddr* plain(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Fd open_folder(const std::string& folder) {
    return Fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Result<gid_t> find_group(const std::string& name) {
    group entry{};
    group* found = nullptr;
    std::array<char, 65'536> texts{};
    if (getgrnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found) != 0 ||
        found == nullptr) {
        return fail(Exit::usage, "--group", in_quotes(name) + " is no group here");
    }
    return found->gr_gid;
}

struct Connection {
    Fd fd;
    uid_t uid = 0;
    int64_t ends_at = 0;
    std::string line{};
    bool done = false;
};

}  // namespace

struct ControlSocket::State {
    State(const StopSignal& signals, Fd in, Fd listens)
        : stop(signals), folder(std::move(in)), listener(std::move(listens)) {}

    const StopSignal& stop;
    Fd folder;
    Fd listener;
    Fd end{eventfd(0, EFD_CLOEXEC)};
    std::mutex mutex{};
    std::optional<Question> asked{};
    std::optional<Answer> answered{};
    std::string stopped_by{};
    std::vector<Connection> connections{};  // the thread's alone
    std::jthread thread{};                  // last: it ends before what it uses

    void serve();

private:
    ControlReply decide(const ControlRequest& request, uid_t uid);
    void accept_one();
    void read_some(Connection& connection);
    void reply(Connection& connection, const ControlReply& reply) const;
};

ControlReply ControlSocket::State::decide(const ControlRequest& request, uid_t uid) {
    const std::lock_guard lock(mutex);
    if (is_stop(request)) {
        stopped_by = who(uid);
        stop.want();
        return {true, ""};
    }
    auto answer = answer_of(request, asked);
    if (!answer) {
        return {false, answer.error()};
    }
    answer->by = who(uid);
    answered = std::move(*answer);
    asked.reset();
    return {true, ""};
}

void ControlSocket::State::accept_one() {
    Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    ucred peer{};
    socklen_t size = sizeof peer;
    if (fd && getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        // Who says nothing makes room for who may.
        if (connections.size() == connections_at_most) {
            connections.erase(connections.begin());
        }
        connections.push_back({std::move(fd), peer.uid, monotonic_us() + patience_us});
    }
}

void ControlSocket::State::reply(Connection& connection, const ControlReply& reply) const {
    const std::string line = control_line(reply);
    (void)!send(connection.fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    connection.done = true;
}

void ControlSocket::State::read_some(Connection& connection) {
    std::array<char, 1024> some{};
    const ssize_t count = read(connection.fd.get(), some.data(), some.size());
    if (count <= 0) {
        connection.done = count == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    connection.line.append(some.data(), static_cast<size_t>(count));
    const size_t line_end = connection.line.find('\n');
    if (line_end == std::string::npos && connection.line.size() <= longest_control_line) {
        return;
    }
    const auto request = parse_control_request(connection.line.substr(0, line_end));
    reply(connection,
          request ? decide(*request, connection.uid) : ControlReply{false, request.error()});
}

// Until the object ends.
void ControlSocket::State::serve() {
    for (;;) {
        std::vector<pollfd> polled{{end.get(), POLLIN, 0}};
        for (const Connection& connection : connections) {
            polled.push_back({connection.fd.get(), POLLIN, 0});
        }
        polled.push_back({listener.get(), POLLIN, 0});
        constexpr int tick_ms = 200;
        poll(polled.data(), polled.size(), connections.empty() ? -1 : tick_ms);
        if (polled.front().revents != 0) {
            return;
        }
        const bool knocks = polled.back().revents != 0;
        for (size_t i = 0; i < connections.size(); ++i) {
            if (polled[i + 1].revents != 0) {
                read_some(connections[i]);
            }
        }
        std::erase_if(connections,
                      [](const Connection& c) { return c.done || monotonic_us() > c.ends_at; });
        if (knocks) {
            accept_one();
        }
    }
}

ControlSocket::ControlSocket(std::unique_ptr<State> state) : state_(std::move(state)) {
    sigset_t every;
    sigset_t before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    state_->thread = std::jthread([serves = state_.get()] { serves->serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ControlSocket::~ControlSocket() {
    const uint64_t one = 1;
    (void)!write(state_->end.get(), &one, sizeof one);
    unlinkat(state_->folder.get(), socket_name, 0);
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::string& folder,
                                                             const std::string& group,
                                                             const StopSignal& stop) {
    const auto members = group.empty() ? Result<gid_t>(0) : find_group(group);
    if (!members) {
        return tl::unexpected(members.error());
    }
    Fd in = open_folder(folder);
    Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!in || !listener) {
        return tl::unexpected(system_error(folder, "socket"));
    }
    unlinkat(in.get(), socket_name, 0);
    const sockaddr_un address = address_in(in);
    const mode_t before = umask(0177);
    const int bound = bind(listener.get(), plain(address), sizeof address);
    umask(before);
    if (bound != 0 || ::listen(listener.get(), connections_at_most) != 0) {
        return tl::unexpected(system_error(folder, "bind"));
    }
    if (!group.empty() &&
        (fchownat(in.get(), socket_name, static_cast<uid_t>(-1), *members, 0) != 0 ||
         fchmodat(in.get(), socket_name, 0660, 0) != 0)) {
        return tl::unexpected(system_error(folder, "chown"));
    }
    auto state = std::make_unique<State>(stop, std::move(in), std::move(listener));
    return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(state)));
}

Result<> check_group(const std::string& name) {
    const auto found = name.empty() ? Result<gid_t>(0) : find_group(name);
    return found ? Result<>() : tl::unexpected(found.error());
}

void ControlSocket::ask(const std::optional<Question>& question) {
    const std::lock_guard lock(state_->mutex);
    state_->asked = question;
    state_->answered.reset();
}

std::optional<Answer> ControlSocket::answer() {
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->answered, std::nullopt);
}

std::string ControlSocket::stop_asker() {
    const std::lock_guard lock(state_->mutex);
    return state_->stopped_by;
}

namespace {

// One line, within a time.
std::string receive_line(const Fd& fd) {
    std::string line;
    const int64_t ends_at = monotonic_us() + patience_us;
    while (line.find('\n') == std::string::npos && line.size() <= longest_control_line) {
        const int64_t left_ms = (ends_at - monotonic_us()) / 1'000;
        pollfd polled{fd.get(), POLLIN, 0};
        std::array<char, 1024> some{};
        if (left_ms <= 0 || poll(&polled, 1, static_cast<int>(left_ms)) <= 0) {
            break;
        }
        const ssize_t count = read(fd.get(), some.data(), some.size());
        if (count <= 0) {
            break;
        }
        line.append(some.data(), static_cast<size_t>(count));
    }
    return line.substr(0, line.find('\n'));
}

}  // namespace

Result<ControlReply> tell_run(const std::string& folder, const ControlRequest& request) {
    const Fd in = open_folder(folder);
    const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_in(in);
    const timeval patience{patience_us / 1'000'000, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!in || !fd || connect(fd.get(), plain(address), sizeof address) != 0) {
        const int code = errno;
        const std::string why = strerror(code);
        return fail(Exit::world, folder + "/" + socket_name,
                    code == EACCES ? why + ", expected who runs it, or a member of its --group"
                                   : "no cutover listens there: " + why);
    }
    const std::string line = control_line(request);
    if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size())) {
        return tl::unexpected(system_error(folder, "send"));
    }
    const auto reply = parse_control_reply(receive_line(fd));
    if (!reply) {
        return fail(Exit::unknown, folder + "/" + socket_name, reply.error());
    }
    return *reply;
}

}  // namespace rehome::cutover
