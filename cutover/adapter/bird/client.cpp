#include "cutover/adapter/bird/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/clock.h"

namespace rehome::cutover {

namespace {

// BIRD answers from its main loop; a large table makes it late, but not by this much.
constexpr int64_t limit_us = 5'000'000;

tl::unexpected<Error> failed(const std::string& socket, const std::string& what) {
    return fail(Exit::world, socket, what);
}

tl::unexpected<Error> system_failed(const std::string& socket, const char* call) {
    return failed(socket, fmt::format("{}: {}", call, strerror(errno)));
}

}  // namespace

Result<BirdClient> BirdClient::connect(const std::string& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.empty() || socket.size() >= sizeof address.sun_path) {
        return failed(socket, "is no path of a socket");
    }
    socket.copy(address.sun_path, socket.size());
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return system_failed(socket, "socket");
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return failed(socket, fmt::format("cannot reach BIRD: {}", strerror(errno)));
    }
    BirdClient client(std::move(fd), socket);
    const auto greeting = client.read_reply();
    if (!greeting) {
        return tl::unexpected(greeting.error());
    }
    if (greeting->code() != 1) {
        return failed(socket, "is no BIRD: " + in_quotes(greeting->text()));
    }
    return client;
}

Result<BirdReply> BirdClient::ask(const std::string& command) {
    if (command.find('\n') != std::string::npos) {
        return failed(socket_, "a command holds a line feed");
    }
    // A command is far smaller than the socket's buffer, so that a part of it is a failure.
    const std::string line = command + "\n";
    if (send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line.size())) {
        return system_failed(socket_, "send");
    }
    return read_reply();
}

Result<BirdReply> BirdClient::read_reply() {
    BirdReplyReader reader;
    const int64_t deadline = monotonic_us() + limit_us;
    std::array<char, 16384> buffer;
    for (;;) {
        const int64_t left_us = deadline - monotonic_us();
        if (left_us <= 0) {
            return failed(socket_, fmt::format("no reply within {} s", limit_us / 1'000'000));
        }
        pollfd wanted{fd_.get(), POLLIN, 0};
        poll(&wanted, 1, static_cast<int>((left_us + 999) / 1'000));
        const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got == 0) {
            return failed(socket_, "BIRD closed the connection");
        }
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                return system_failed(socket_, "recv");
            }
            continue;
        }
        auto reply = reader.take({buffer.data(), static_cast<size_t>(got)});
        if (!reply) {
            return failed(socket_, reply.error().what);
        }
        if (*reply) {
            return std::move(**reply);
        }
    }
}

}  // namespace rehome::cutover
