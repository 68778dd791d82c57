// See writer_child.h.
#include "probe/adapter/writer_child.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

// So that a disk that is busy for a second holds nobody up; as much as the host allows.
void enlarge_send_buffer(int fd) {
    constexpr int bytes = 4 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
}

// Whatever else the parent had open would be held by the child.
[[noreturn]] void live(Fd channel, const std::function<void(const Fd&)>& serve) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
        signal(number, SIG_IGN);
    }
    constexpr int place = 3;
    if (channel.get() != place) {
        dup2(channel.get(), place);
        channel = Fd(place);
    }
    close_range(place + 1, ~0U, 0);
    serve(channel);
    _exit(0);
}

}  // namespace

Result<WriterChild> WriterChild::start(const std::string& where,
                                       const std::function<void(const Fd&)>& serve) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return fail_system(where, "socketpair");
    }
    Fd ours(ends[0]);
    Fd its(ends[1]);
    enlarge_send_buffer(ours.get());
    const pid_t child = fork();
    if (child < 0) {
        return fail_system(where, "fork");
    }
    if (child == 0) {
        live(std::move(its), serve);
    }
    return WriterChild(std::move(ours), child);
}

// The end of the channel ends the child.  One that hangs on a dead disk is left to itself.
WriterChild::~WriterChild() {
    if (!channel_) {
        return;  // moved from
    }
    shutdown(channel_.get(), SHUT_WR);
    while (receive(Limit(10'000))) {
    }
    waitpid(child_, nullptr, WNOHANG);
}

WriterChild::Sent WriterChild::send(std::string_view bytes) {
    const ssize_t sent =
        ::send(channel_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        return Sent::yes;
    }
    const bool full = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR;
    return full ? Sent::full : Sent::gone;
}

bool WriterChild::wait_for(short events, Limit limit) const {
    pollfd polled{.fd = channel_.get(), .events = events, .revents = 0};
    return poll(&polled, 1, static_cast<int>(limit.count())) > 0;
}

bool WriterChild::send_all(std::string_view bytes, Limit limit) {
    while (!bytes.empty()) {
        const std::string_view next = bytes.substr(0, piece);
        const Sent sent = send(next);
        if (sent == Sent::gone || (sent == Sent::full && !wait_for(POLLOUT, limit))) {
            return false;
        }
        bytes.remove_prefix(sent == Sent::yes ? next.size() : 0);
    }
    return true;
}

std::optional<std::string> WriterChild::receive(Limit limit) {
    if (!wait_for(POLLIN, limit)) {
        return std::nullopt;
    }
    std::string room(piece, '\0');
    ssize_t size = recv(channel_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ECONNRESET) {  // it went with something unread; what it said is here
        size = recv(channel_.get(), room.data(), room.size(), MSG_DONTWAIT);
    }
    if (size <= 0) {
        return std::nullopt;
    }
    room.resize(static_cast<size_t>(size));
    return room;
}

std::optional<std::string_view> next_piece(const Fd& channel, std::string& room,
                                           std::optional<WriterChild::Limit> limit) {
    pollfd polled{.fd = channel.get(), .events = POLLIN, .revents = 0};
    if (poll(&polled, 1, limit ? static_cast<int>(limit->count()) : -1) <= 0) {
        return std::nullopt;
    }
    room.resize(WriterChild::piece);
    const ssize_t size = recv(channel.get(), room.data(), room.size(), 0);
    return std::string_view(room).substr(0, static_cast<size_t>(std::max<ssize_t>(size, 0)));
}

bool answer(const Fd& channel, std::string_view bytes) {
    return send(channel.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace rehome::probe
