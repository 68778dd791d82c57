// One epoll set holds the listener, the clients and a clock, so that the owner polls one
// descriptor.
#include "vipd/adapter/control.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/control_request.h"
#include "common/fd.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

constexpr size_t request_max = 8 << 20;  // 100,000 client prefixes
constexpr int64_t patience_us = 5'000'000;
constexpr size_t clients_max = 64;

// What an epoll event is about; clients have the numbers above.
constexpr uint64_t listener_tag = 0;
constexpr uint64_t clock_tag = 1;

struct Client {
    Fd fd;
    uint32_t uid = 0;
    std::string in;
    std::string out;
    bool answering = false;     // one of its requests is with the handler
    int64_t waiting_since = 0;  // for it to go on sending or taking a line; 0: not waiting

    // The next request can be handed over: its answers are taken, so that they do not pile up.
    bool ready() const { return !answering && out.empty() && in.find('\n') != std::string::npos; }

    // A whole answer, and the rest of a request, have their time limit from when they began.
    void note_waiting() {
        const bool part_of_request = !in.empty() && in.find('\n') == std::string::npos;
        if (!part_of_request && out.empty()) {
            waiting_since = 0;
        } else if (waiting_since == 0) {
            waiting_since = monotonic_us();
        }
    }
};

tl::unexpected<Error> trouble(const std::string& path, const char* what) {
    return fail(Exit::world, path, fmt::format("{}: {}", what, std::strerror(errno)));
}

// Who was at the other end when it connected (unix(7), SO_PEERCRED).
uint32_t user_of(int fd) {
    ucred user{};
    socklen_t size = sizeof user;
    const bool told = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0;
    return told ? user.uid : UINT32_MAX;
}

// Takes the file of a vipd that is gone out of the way.
Result<> clear_path(const std::string& path, const sockaddr_un& address) {
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) {
        return {};  // bind says what is wrong, if it is not just free
    }
    if (!S_ISSOCK(found.st_mode)) {
        return fail(Exit::world, path, "is no socket, expected one or nothing");
    }
    const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool gone =
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno == ECONNREFUSED;  // EAGAIN: alive and busy
    if (!gone) {
        return fail(Exit::world, path, "another vipd listens here");
    }
    return unlink(path.c_str()) == 0 ? Result<>() : trouble(path, "cannot replace it");
}

Result<Fd> listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(Exit::usage, path, "is too long for a socket, expected at most 107 bytes");
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    // A folder that does not outlive the host, as those in /run; bind says what is wrong with it.
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    if (auto cleared = clear_path(path, address); !cleared) {
        return tl::unexpected(cleared.error());
    }
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // The mode of the socket before it is bound becomes that of its file: at no time is it open to
    // others, and no umask, which all threads share, is touched.
    if (!fd || fchmod(fd.get(), 0600) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd.get(), 16) != 0) {
        return trouble(path, "cannot listen here");
    }
    return fd;
}

}  // namespace

// A client's number is never used again, so that a late answer finds its own client or nobody.
struct Reply::State {
    std::weak_ptr<Control::State> server;
    uint64_t client = 0;
    uint32_t uid = 0;
    bool answered = false;

    void answer(const json& line);
};

struct Control::State : std::enable_shared_from_this<Control::State> {
    std::string path;
    Handler handler;
    Fd listener;
    Fd clock;
    Fd epoll;
    uint64_t next_client = clock_tag + 1;
    std::map<uint64_t, Client> clients;

    bool watch(int operation, int fd, uint64_t tag, uint32_t events) const;
    void accept_clients();
    void drop_stalled();
    void drop(uint64_t id) { clients.erase(id); }
    void read(uint64_t id);
    void write(uint64_t id);
    void answer(uint64_t id, const std::string& line);
    void next_request(uint64_t id);
    void watch(uint64_t id);
    void hand_over(uint64_t id, const std::string& line);
};

bool Control::State::watch(int operation, int fd, uint64_t tag, uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    return epoll_ctl(epoll.get(), operation, fd, &event) == 0;
}

void Control::State::accept_clients() {
    for (;;) {
        Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            // Where there is no descriptor for who waits, the listener would be ready for ever.
            const bool lacks =
                errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
            watch(EPOLL_CTL_MOD, listener.get(), listener_tag, lacks ? 0U : uint32_t{EPOLLIN});
            return;
        }
        if (clients.size() < clients_max && watch(EPOLL_CTL_ADD, fd.get(), next_client, EPOLLIN)) {
            Client& client = clients[next_client++];
            client.uid = user_of(fd.get());
            client.fd = std::move(fd);
        }
    }
}

void Control::State::drop_stalled() {
    uint64_t ticks = 0;
    if (::read(clock.get(), &ticks, sizeof ticks) < 0) {
        return;
    }
    watch(EPOLL_CTL_MOD, listener.get(), listener_tag, EPOLLIN);  // which may have been put off
    const int64_t now = monotonic_us();
    std::erase_if(clients, [&](const auto& entry) {
        const int64_t since = entry.second.waiting_since;
        return since != 0 && now - since > patience_us;
    });
}

void Control::State::read(uint64_t id) {
    Client& client = clients.at(id);
    char buffer[65536];
    const ssize_t count = recv(client.fd.get(), buffer, sizeof buffer, 0);
    const bool gone = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    if (gone || client.in.size() > request_max) {
        drop(id);
        return;
    }
    client.in.append(buffer, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    client.note_waiting();
}

void Control::State::write(uint64_t id) {
    Client& client = clients.at(id);
    const ssize_t count = send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        drop(id);
        return;
    }
    client.out.erase(0, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    client.note_waiting();
}

void Control::State::answer(uint64_t id, const std::string& line) {
    const auto client = clients.find(id);
    if (client != clients.end()) {
        client->second.out += line;
        client->second.answering = false;
        write(id);
        watch(id);
    }
}

// Hands over one request that has come in whole.  The others wait for the next turn, so that who
// sends many keeps the owner from nothing else.
void Control::State::next_request(uint64_t id) {
    const auto found = clients.find(id);
    if (found == clients.end()) {
        return;
    }
    Client& client = found->second;
    if (client.ready()) {
        const size_t end = client.in.find('\n');
        const std::string line = client.in.substr(0, end);
        client.in.erase(0, end + 1);
        client.answering = true;
        hand_over(id, line);
    }
    watch(id);
}

// A socket can nearly always be written to: so the next turn comes at once where there is more.
void Control::State::watch(uint64_t id) {
    const auto client = clients.find(id);
    if (client != clients.end()) {
        const bool more = !client->second.out.empty() || client->second.ready();
        watch(EPOLL_CTL_MOD, client->second.fd.get(), id, more ? EPOLLOUT : EPOLLIN);
    }
}

void Control::State::hand_over(uint64_t id, const std::string& line) {
    Reply reply;
    reply.state_ = std::make_shared<Reply::State>();
    reply.state_->server = weak_from_this();
    reply.state_->client = id;
    reply.state_->uid = clients.at(id).uid;
    const auto request = parse_request("request", line);
    if (!request) {
        reply.refuse(request.error());
        return;
    }
    try {
        handler(*request, reply);
    } catch (const json::exception& error) {
        reply.refuse(fmt::format("the request does not fit: {}", error.what()), Exit::usage);
    }
}

void Reply::State::answer(const json& line) {
    const auto to = server.lock();
    if (std::exchange(answered, true) || !to) {
        return;
    }
    // Text that is no UTF-8 (a path) must not keep an answer back.
    to->answer(client, line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

void Reply::done(const json& result) const {
    json with_format = result;
    if (!schema_.empty()) {
        with_format.emplace("schema", schema_);
    }
    state_->answer({{"ok", true}, {"result", with_format}});
}

Reply Reply::of_format(std::string schema) const {
    Reply reply = *this;
    reply.schema_ = std::move(schema);
    return reply;
}

void Reply::refuse(const std::string& error, Exit kind) const {
    state_->answer({{"ok", false}, {"error", error}, {"code", static_cast<int>(kind)}});
}

uint32_t Reply::uid() const {
    return state_->uid;
}

bool Reply::waited_for() const {
    const auto server = state_->server.lock();
    return server && !state_->answered && server->clients.contains(state_->client);
}

Control::Control(std::shared_ptr<State> state) : state_(std::move(state)) {}

Control::~Control() {
    unlink(state_->path.c_str());
}

Result<std::unique_ptr<Control>> Control::listen(const std::string& path, Handler handler) {
    auto listener = listen_at(path);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    auto state = std::make_shared<State>();
    state->path = path;
    state->handler = std::move(handler);
    state->listener = std::move(*listener);
    state->epoll = Fd(epoll_create1(EPOLL_CLOEXEC));
    state->clock = Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    const itimerspec every_second{{1, 0}, {1, 0}};
    const bool ready = timerfd_settime(state->clock.get(), 0, &every_second, nullptr) == 0 &&
                       state->watch(EPOLL_CTL_ADD, state->listener.get(), listener_tag, EPOLLIN) &&
                       state->watch(EPOLL_CTL_ADD, state->clock.get(), clock_tag, EPOLLIN);
    if (!ready) {
        return trouble(path, "cannot watch it");
    }
    return std::unique_ptr<Control>(new Control(std::move(state)));
}

int Control::fd() const {
    return state_->epoll.get();
}

void Control::handle() {
    epoll_event events[32];
    const int count = epoll_wait(state_->epoll.get(), events, 32, 0);
    for (int i = 0; i < count; ++i) {
        const uint64_t id = events[i].data.u64;
        if (id == listener_tag) {
            state_->accept_clients();
        } else if (id == clock_tag) {
            state_->drop_stalled();
        } else if (state_->clients.contains(id)) {
            (events[i].events & EPOLLOUT) != 0 ? state_->write(id) : state_->read(id);
            state_->next_request(id);
        }
    }
}

}  // namespace rehome::vipd
