#include "vipd/adapter/control.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/clock.h"

namespace rehome {

using nlohmann::json;

namespace {

constexpr size_t request_max = 64 * 1024;
constexpr int64_t patience_us = 5'000'000;
constexpr size_t clients_max = 64;
constexpr uint64_t listening = 0, timer = 1;  // epoll tags; clients have higher ones

struct Client {
    int fd = -1;
    std::string in, out;
    bool answering = false;     // a request has been handed over and is unanswered
    int64_t waiting_since = 0;  // for the rest of a line, or for it to take one; 0: not waiting
};

Error trouble(const std::string& path, const char* what) {
    return {Exit::world, path, std::string(what) + ": " + std::strerror(errno)};
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

// Whether somebody still listens there.
bool answers(const sockaddr_un& address) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

Result<int> listen_at(const std::string& path) {
    const sockaddr_un address = address_of(path);
    if (path.size() >= sizeof address.sun_path) {
        return fail(Exit::usage, path, "too long for a socket's path (107 bytes)");
    }
    if (answers(address)) {
        return fail(Exit::world, path, "another vipd listens here");
    }
    ::unlink(path.c_str());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const mode_t mask = ::umask(0177);
    const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::umask(mask);
    if (fd < 0 || bound != 0 || ::listen(fd, 16) != 0) {
        const Error error = trouble(path, "cannot listen");
        ::close(fd);
        return tl::unexpected(error);
    }
    return fd;
}

}  // namespace

// Clients are named by a number that is never reused, so that a late answer finds its own or
// nobody.
struct Reply::State {
    uint64_t client = 0;
    bool answered = false;
    std::function<void(uint64_t client, std::string line)> send;
    std::function<bool(uint64_t client)> present;

    void answer(const json& line) {
        if (!std::exchange(answered, true)) {
            send(client, line.dump() + "\n");
        }
    }
};

struct Control::State {
    std::string path;
    Handler handler;
    int epoll = -1, listener = -1, clock = -1;
    uint64_t next_client = 2;
    std::map<uint64_t, Client> clients;

    ~State();
    void watch(int fd, uint64_t tag, uint32_t events, int operation) const;
    void accept_clients();
    void drop(uint64_t id);
    void drop_stalled();
    void read(uint64_t id);
    void write(uint64_t id);
    void answer(uint64_t id, std::string line);
    void next_request(uint64_t id, const std::shared_ptr<State>& self);
};

Control::State::~State() {
    for (const auto& [id, client] : clients) {
        ::close(client.fd);
    }
    ::close(listener);
    ::close(clock);
    ::close(epoll);
    ::unlink(path.c_str());
}

void Control::State::watch(int fd, uint64_t tag, uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    ::epoll_ctl(epoll, operation, fd, &event);
}

void Control::State::accept_clients() {
    while (true) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        if (clients.size() >= clients_max) {
            ::close(fd);
            continue;
        }
        clients[next_client].fd = fd;
        watch(fd, next_client++, EPOLLIN, EPOLL_CTL_ADD);
    }
}

void Control::State::drop(uint64_t id) {
    if (const auto found = clients.find(id); found != clients.end()) {
        ::close(found->second.fd);
        clients.erase(found);
    }
}

void Control::State::drop_stalled() {
    uint64_t ticks = 0;
    [[maybe_unused]] const auto taken = ::read(clock, &ticks, sizeof ticks);
    const int64_t now = monotonic_us();
    std::erase_if(clients, [&](const auto& entry) {
        const Client& client = entry.second;
        const bool stalled = client.waiting_since != 0 && now - client.waiting_since > patience_us;
        if (stalled) {
            ::close(client.fd);
        }
        return stalled;
    });
}

void Control::State::read(uint64_t id) {
    Client& client = clients[id];
    char buffer[4096];
    const auto count = ::recv(client.fd, buffer, sizeof buffer, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(id);
        return;
    }
    client.in.append(buffer, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (client.in.size() > request_max) {
        drop(id);
        return;
    }
    const bool part = !client.in.empty() && client.in.find('\n') == std::string::npos;
    client.waiting_since = !part                       ? 0
                           : client.waiting_since != 0 ? client.waiting_since
                                                       : monotonic_us();
}

void Control::State::write(uint64_t id) {
    Client& client = clients[id];
    const auto count = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        drop(id);
        return;
    }
    client.out.erase(0, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    client.waiting_since = client.out.empty() ? 0 : monotonic_us();
    watch(client.fd, id, client.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

void Control::State::answer(uint64_t id, std::string line) {
    if (const auto found = clients.find(id); found != clients.end()) {
        found->second.answering = false;
        found->second.out += line;
        write(id);
    }
}

// Hands over the requests that have come in whole, one at a time.
void Control::State::next_request(uint64_t id, const std::shared_ptr<State>& self) {
    while (clients.count(id) != 0 && !clients[id].answering) {
        Client& client = clients[id];
        const size_t end = client.in.find('\n');
        if (end == std::string::npos) {
            return;
        }
        const auto request = json::parse(client.in.substr(0, end), nullptr, false);
        client.in.erase(0, end + 1);
        if (!request.is_object()) {
            drop(id);
            return;
        }
        client.answering = true;
        const std::weak_ptr<State> weak = self;
        Reply reply;
        reply.state_ = std::make_shared<Reply::State>();
        reply.state_->client = id;
        reply.state_->send = [weak](uint64_t to, std::string line) {
            if (const auto server = weak.lock()) {
                server->answer(to, std::move(line));
            }
        };
        reply.state_->present = [weak](uint64_t to) {
            const auto server = weak.lock();
            return server && server->clients.count(to) != 0;
        };
        try {
            handler(request, reply);
        } catch (const json::exception& error) {  // a field of the wrong type
            reply.refuse(error.what());
        }
    }
}

void Reply::done(const json& result) const {
    state_->answer({{"ok", true}, {"result", result}});
}

void Reply::refuse(const std::string& error) const {
    state_->answer({{"ok", false}, {"error", error}});
}

bool Reply::waited_for() const {
    return !state_->answered && state_->present(state_->client);
}

Control::Control(std::shared_ptr<State> state) : state_(std::move(state)) {}
Control::~Control() = default;

Result<std::unique_ptr<Control>> Control::listen(const std::string& path, Handler handler) {
    const auto listener = listen_at(path);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    auto state = std::make_shared<State>();
    state->path = path;
    state->handler = std::move(handler);
    state->listener = *listener;
    state->epoll = ::epoll_create1(EPOLL_CLOEXEC);
    state->clock = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (state->epoll < 0 || state->clock < 0) {
        return tl::unexpected(trouble(path, "cannot watch"));
    }
    const itimerspec each_second{{1, 0}, {1, 0}};
    ::timerfd_settime(state->clock, 0, &each_second, nullptr);
    state->watch(state->listener, listening, EPOLLIN, EPOLL_CTL_ADD);
    state->watch(state->clock, timer, EPOLLIN, EPOLL_CTL_ADD);
    return std::unique_ptr<Control>(new Control(std::move(state)));
}

int Control::fd() const {
    return state_->epoll;
}

void Control::handle() {
    epoll_event events[32];
    const int count = ::epoll_wait(state_->epoll, events, 32, 0);
    for (int i = 0; i < count; ++i) {
        const uint64_t id = events[i].data.u64;
        if (id == listening) {
            state_->accept_clients();
        } else if (id == timer) {
            state_->drop_stalled();
        } else if (state_->clients.count(id) != 0) {
            if ((events[i].events & EPOLLOUT) != 0) {
                state_->write(id);
            }
            if ((events[i].events & (EPOLLIN | EPOLLHUP)) != 0 && state_->clients.count(id) != 0) {
                state_->read(id);
            }
            state_->next_request(id, state_);
        }
    }
}

}  // namespace rehome
