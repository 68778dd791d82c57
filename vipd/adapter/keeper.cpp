#include "vipd/adapter/keeper.h"

#include <fmt/format.h>
#include <netlink/errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include <nlohmann/json.hpp>

#include "common/child.h"
#include "common/clock.h"
#include "vipd/adapter/kernel.h"
#include "vipd/adapter/netlink.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

constexpr size_t message_max = 256 << 10;  // the routes of all prefixes that there can be
constexpr size_t twins_max = 250;          // SCM_MAX_FD is 253
constexpr int64_t patience_us = 5'000'000;
constexpr int64_t start_again_us = 300'000;

struct Message {
    json body;
    std::vector<Fd> fds;
};

tl::unexpected<Error> trouble(const char* what) {
    return fail(Exit::world, "keeper", fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

// The socket's name; false: too long for one.
bool name_socket(const std::string& key, sockaddr_un& address, socklen_t& size) {
    const std::string name = "rehome/vipd-keep/" + key;
    if (name.size() + 1 > sizeof address.sun_path) {
        return false;
    }
    address = {};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path + 1);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    return true;
}

bool of_own_user(int socket) {
    ucred user{};
    socklen_t size = sizeof user;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0 && user.uid == geteuid();
}

Result<> send(int socket, const json& body, std::span<const int> fds = {}) {
    std::string text = body.dump();
    if (text.size() > message_max) {
        return fail(Exit::world, "keeper", "cannot keep so much");
    }
    constexpr int room_bytes = 2 * message_max;  // a packet is sent as one
    setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &room_bytes, sizeof room_bytes);
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * twins_max)> room{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = room.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) >= 0 ? Result<>() : trouble("speak");
}

std::vector<Fd> descriptors_of(msghdr& message) {
    std::vector<Fd> fds;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            fds.emplace_back(fd);
        }
    }
    return fds;
}

// An error: the other end is gone, or says what nobody can read.
Result<Message> receive(int socket) {
    std::string text(message_max, '\0');
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * twins_max)> room{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    const auto got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) {
        return trouble("hear");
    }
    Message heard{json::parse(text.begin(), text.begin() + got, nullptr, false),
                  descriptors_of(message)};
    const bool cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    if (cut || !heard.body.is_object()) {
        return fail(Exit::world, "keeper", "says what nobody can read");
    }
    return heard;
}

std::map<std::string, Fd> twins_in(Message& message) {
    std::map<std::string, Fd> twins;
    const json names = message.body.value("twins", json::array());
    for (size_t i = 0; i < message.fds.size() && i < names.size(); ++i) {
        if (names[i].is_string()) {
            twins[names[i].get<std::string>()] = std::move(message.fds[i]);
        }
    }
    return twins;
}

Result<Fd> listen_as(const std::string& key) {
    sockaddr_un address{};
    socklen_t size = 0;
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!name_socket(key, address, size)) {
        return fail(Exit::usage, key, "is too long for the keeper's socket");
    }
    if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        listen(fd.get(), 4) != 0) {
        return trouble("listen");
    }
    return fd;
}

// None where nobody listens.
Fd connect_to(const std::string& key) {
    sockaddr_un address{};
    socklen_t size = 0;
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const timeval limit{patience_us / 1'000'000, 0};
    const bool connected =
        fd && name_socket(key, address, size) &&
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
        of_own_user(fd.get());
    return connected ? std::move(fd) : Fd();
}

// As whoever lists processes may know it.
std::string own_program() {
    std::error_code wrong;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", wrong);
    return wrong || !std::filesystem::exists(path, wrong) ? "/proc/self/exe" : path.string();
}

// What the keeper's process keeps.
class Kept {
public:
    // False: there is nothing to keep any more.
    bool take(Message& message) {
        if (message.body.contains("twins")) {
            twins_ = twins_in(message);
        }
        if (message.body.contains("routes")) {
            take_routes(message.body["routes"]);
        }
        return !message.body.contains("end");
    }

    Result<> tell(int socket) const {
        json names = json::array();
        std::vector<int> fds;
        for (const auto& [name, fd] : twins_) {
            names.push_back(name);
            fds.push_back(fd.get());
        }
        return send(socket, {{"twins", names}}, fds);
    }

    // False: some route is still there.
    bool withdraw() {
        const auto netlink = open_netlink();
        if (!netlink) {
            return routes_.empty();
        }
        std::erase_if(routes_, [&](const Prefix& prefix) {
            const int code = change_blackhole(**netlink, false, prefix, held_route_protocol);
            return code >= 0 || code == -NLE_OBJ_NOTFOUND;
        });
        return routes_.empty();
    }

private:
    void take_routes(const json& routes) {
        routes_.clear();
        for (size_t i = 0; routes.is_array() && i < routes.size(); ++i) {
            const auto prefix = Prefix::parse(routes[i].is_string() ? std::string(routes[i]) : "");
            if (prefix) {
                routes_.push_back(*prefix);
            }
        }
    }

    std::map<std::string, Fd> twins_;
    std::vector<Prefix> routes_;
};

}  // namespace

Result<Keeper> Keeper::find(const std::string& key) {
    const int64_t deadline = monotonic_us() + patience_us;
    int64_t start_at = 0;
    while (monotonic_us() < deadline) {
        Fd socket = connect_to(key);
        auto told = socket ? receive(socket.get()) : Result<Message>(trouble("find it"));
        if (told) {
            Keeper keeper(std::move(socket));
            keeper.kept_ = twins_in(*told);
            return keeper;
        }
        if (monotonic_us() >= start_at) {  // one that is ending keeps its name for a moment
            start_at = monotonic_us() + start_again_us;
            const auto started =
                spawn({own_program(), "keep", key}, {.output_path = "/dev/null", .detached = true});
            if (!started) {
                return tl::unexpected(started.error());
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return fail(Exit::world, "keeper", "does not answer");
}

bool Keeper::gone() const {
    pollfd end{socket_.get(), POLLIN, 0};  // it says nothing more
    return poll(&end, 1, 0) > 0;
}

Fd Keeper::take(const std::string& twin) {
    const auto found = kept_.find(twin);
    return found == kept_.end() ? Fd() : std::move(found->second);
}

Result<> Keeper::keep_twins(const std::vector<std::string>& names, std::span<const int> fds) {
    kept_.clear();  // of ports that are no more: their twins lose their links
    return names.size() <= twins_max ? send(socket_.get(), {{"twins", names}}, fds)
                                     : fail(Exit::world, "keeper", "cannot keep so many twins");
}

Result<> Keeper::keep_routes(const std::vector<Prefix>& prefixes) {
    json routes = json::array();
    for (const Prefix& prefix : prefixes) {
        routes.push_back(prefix.text());
    }
    return send(socket_.get(), {{"routes", routes}});
}

void Keeper::end() {
    send(socket_.get(), {{"end", true}});
}

Result<> keep(const std::string& key) {
    auto listener = listen_as(key);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    // Who ends a service may signal all its processes: this one has to see vipd go first.
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        signal(number, SIG_IGN);
    }
    Kept kept;
    while (true) {
        pollfd coming{listener->get(), POLLIN, 0};
        if (poll(&coming, 1, keeper_grace_ms) == 0) {
            if (kept.withdraw()) {
                return {};
            }
            continue;  // again in as long
        }
        const Fd vipd(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!vipd || !of_own_user(vipd.get()) || !kept.tell(vipd.get())) {
            continue;
        }
        while (auto heard = receive(vipd.get())) {
            if (!kept.take(*heard)) {
                return {};
            }
        }
    }
}

}  // namespace rehome::vipd
