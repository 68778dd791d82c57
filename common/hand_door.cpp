// unix(7): SOCK_SEQPACKET, SCM_RIGHTS.
#include "common/hand_door.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace rehome {

namespace {

using nlohmann::json;

constexpr size_t longest_answer = 65'536;

struct Hand {
    std::string path;
    std::string command;
};

std::optional<Hand> our_hand() {
    const char* path = std::getenv("REHOME_HAND");
    const char* command = std::getenv("REHOME_HAND_COMMAND");
    if (path == nullptr || command == nullptr || *path == '\0') {
        return std::nullopt;
    }
    return Hand{path, command};
}

tl::unexpected<Error> failed(const Hand& hand, const char* call) {
    return fail(Exit::world, "hand " + hand.path, fmt::format("{}: {}", call, strerror(errno)));
}

Result<Fd> connect_to(const Hand& hand) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (hand.path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return failed(hand, "connect");
    }
    hand.path.copy(address.sun_path, hand.path.size());
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    // An answer that does not come must not hold us for ever.
    const timeval patience{30, 0};
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return failed(hand, "connect");
    }
    return fd;
}

bool send(const Fd& fd, const std::string& text, const std::array<int, 3>* standard) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof *standard)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (standard != nullptr) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof *standard);
        memcpy(CMSG_DATA(header), standard->data(), sizeof *standard);
    }
    return sendmsg(fd.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

Result<json> ask(const Hand& hand, json question, const std::array<int, 3>* standard = nullptr) {
    question["command"] = hand.command;
    auto fd = connect_to(hand);
    if (!fd) {
        return tl::unexpected(fd.error());
    }
    std::string text(longest_answer, '\0');
    if (!send(*fd, question.dump(-1, ' ', false, json::error_handler_t::replace), standard)) {
        return failed(hand, "send");
    }
    const ssize_t length = recv(fd->get(), text.data(), text.size(), 0);
    if (length <= 0) {
        return length < 0 ? failed(hand, "receive")
                          : fail(Exit::world, "hand " + hand.path, "has gone");
    }
    text.resize(static_cast<size_t>(length));
    json answer = json::parse(text, nullptr, false);
    if (!answer.is_object() || answer.contains("error")) {
        return fail(Exit::world, "hand",
                    answer.is_object() ? answer.value("error", "") : "gave no answer");
    }
    return answer;
}

}  // namespace

Result<ProcessMark> leave_behind(const std::string& name, const Argv& argv,
                                 const std::array<int, 3>& standard) {
    const auto hand = our_hand();
    if (!hand) {
        SpawnOptions options;
        options.detached = true;
        options.standard = standard;
        const auto pid = spawn(argv, options);
        return pid ? Result<ProcessMark>(mark_of(*pid)) : tl::unexpected(pid.error());
    }
    const auto answer = ask(*hand, {{"ask", "leave"}, {"name", name}, {"argv", argv}}, &standard);
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    return ProcessMark{answer->value("pid", 0), answer->value("start", uint64_t{0}),
                       answer->value("boot", "")};
}

Result<> if_cut(const Argv& argv, std::chrono::milliseconds limit) {
    const auto hand = our_hand();
    if (!hand) {
        return {};
    }
    const auto answer =
        ask(*hand, {{"ask", "if_cut"}, {"argv", argv}, {"limit_ms", limit.count()}});
    return answer ? Result<>() : tl::unexpected(answer.error());
}

Result<> not_cut() {
    return if_cut({}, std::chrono::milliseconds(0));
}

Result<bool> terminate(const ProcessMark& process) {
    const auto hand = our_hand();
    if (!hand) {
        const Fd pidfd = open_process(process);
        return pidfd && signal_process(pidfd, SIGTERM);
    }
    const auto answer = ask(*hand, {{"ask", "terminate"},
                                    {"pid", process.pid},
                                    {"start", process.start},
                                    {"boot", process.boot}});
    return answer ? Result<bool>(answer->value("there", false)) : tl::unexpected(answer.error());
}

}  // namespace rehome
