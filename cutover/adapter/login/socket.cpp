// tcp(7), ip(7): non-blocking sockets, bound before they are connected.
#include "cutover/adapter/login/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "common/socket_address.h"

namespace rehome::cutover {
namespace {

template <typename T>
bool set(const Fd& fd, int level, int option, const T& value) {
    return setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
}

// To the path's mark and interface.
bool bind_to_path(const Fd& fd, const LoginPath& path) {
    return (path.mark == 0 || set(fd, SOL_SOCKET, SO_MARK, path.mark)) &&
           (path.interface.empty() ||
            setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, path.interface.c_str(),
                       static_cast<socklen_t>(path.interface.size())) == 0);
}

// A socket bound to the path and the source; errno when it cannot be.
tl::expected<Fd, int> bound_socket(const LoginPath& path, const Address& source) {
    Fd fd(socket(family_of(source), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return tl::unexpected(errno);
    // Without NODELAY a heartbeat could wait for the acknowledgement of what was sent before it.
    const bool ready = set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) &&
                       set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && bind_to_path(fd, path);
    if (!ready) return tl::unexpected(errno);
    SocketAddress from = to_socket({source, 0});
    if (bind(fd.get(), from.get(), from.size) != 0) return tl::unexpected(errno);
    return fd;
}

}  // namespace

tl::expected<Fd, int> open_connection(const LoginPath& path, const Address& source) {
    auto fd = bound_socket(path, source);
    if (!fd) return fd;
    SocketAddress to = to_socket(path.remote);
    if (connect(fd->get(), to.get(), to.size) != 0 && errno != EINPROGRESS) {
        return tl::unexpected(errno);
    }
    return fd;
}

int pending_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

Endpoint local_endpoint(int fd) {
    SocketAddress address;
    if (getsockname(fd, address.get(), &address.size) != 0) return {};
    return from_socket(address.get()).value_or(Endpoint{});
}

LoginCause cause_of(int error) {
    switch (error) {
        case ECONNRESET:
        case EPIPE:
            return LoginCause::reset;
        case ECONNREFUSED:
            return LoginCause::refused;
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case ENETUNREACH:
            return LoginCause::timeout;
        default:
            return LoginCause::own;
    }
}

Result<> check_source(const LoginPath& path, const Address& source) {
    if (source.family != path.remote.address.family) {
        return fail(Exit::usage, source.text(),
                    "of another family than " + path.remote.text() + ", expected the same");
    }
    const auto fd = bound_socket(path, source);
    if (fd) return {};
    return fail(
        Exit::world, source.text(),
        "cannot be a session's source here: " + std::generic_category().message(fd.error()) +
            ", expected an address of this host");
}

// Connecting a datagram socket asks the kernel for the route, and sends nothing.
Result<> check_route(const LoginPath& path, const Address& source) {
    const Address& remote = path.remote.address;
    const auto failed = [&remote](const std::string& what) {
        return fail(Exit::world, "",
                    fmt::format("cannot send to {}{}: {}", remote.text(), what,
                                std::generic_category().message(errno)));
    };
    const Fd fd(socket(family_of(remote), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd || !bind_to_path(fd, path)) {
        return failed(fmt::format(" with mark {} and interface {}", path.mark,
                                  path.interface.empty() ? "any" : path.interface));
    }
    SocketAddress from = to_socket({source, 0});
    if (source.family == remote.family && bind(fd.get(), from.get(), from.size) != 0) {
        return failed(" from " + source.text());
    }
    SocketAddress to = to_socket(path.remote);
    return connect(fd.get(), to.get(), to.size) == 0 ? Result<>() : failed("");
}

}  // namespace rehome::cutover
