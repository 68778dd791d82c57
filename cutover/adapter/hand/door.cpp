#include "cutover/adapter/hand/door.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

using nlohmann::json;

constexpr size_t longest_question = 65'536;
constexpr size_t visitors_at_most = 64;
constexpr int64_t longest_limit_ms = 600'000;

struct Packet {
    std::string text;  // empty: the visitor has gone
    std::array<Fd, 3> standard{};
};

// Nothing while there is none.
std::optional<Packet> receive(const Fd& fd) {
    Packet packet;
    packet.text.resize(longest_question);
    std::array<int, 3> descriptors{-1, -1, -1};
    iovec part{packet.text.data(), packet.text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = recvmsg(fd.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return std::nullopt;
    }
    packet.text.resize(static_cast<size_t>(std::max<ssize_t>(length, 0)));
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        const size_t size = std::min<size_t>(header->cmsg_len - CMSG_LEN(0), sizeof descriptors);
        memcpy(descriptors.data(), CMSG_DATA(header), size);
    }
    for (size_t i = 0; i < descriptors.size(); ++i) {
        packet.standard[i] = Fd(descriptors[i]);
    }
    return packet;
}

std::optional<Question::Kind> kind_of(const std::string& text) {
    if (text == "leave") {
        return Question::Kind::leave;
    }
    if (text == "if_cut") {
        return Question::Kind::if_cut;
    }
    return text == "terminate" ? std::optional(Question::Kind::terminate) : std::nullopt;
}

// Throws where it is none.
Question read_question(const json& object) {
    Question question;
    question.command = std::stoull(object.at("command").get<std::string>());
    question.kind = kind_of(object.at("ask")).value();
    if (question.kind == Question::Kind::terminate) {
        question.process = {object.at("pid"), object.at("start"), object.at("boot")};
        return question;
    }
    question.argv = object.at("argv").get<Argv>();
    if (question.kind == Question::Kind::leave) {
        question.name = object.at("name");
    } else {
        question.limit = Milliseconds(
            std::clamp<int64_t>(object.at("limit_ms").get<int64_t>(), 0, longest_limit_ms));
    }
    return question;
}

std::string text_of(const Reply& reply) {
    if (!reply.error.empty()) {
        return json{{"error", reply.error}}.dump(-1, ' ', false, json::error_handler_t::replace);
    }
    return json{{"pid", reply.process.pid},
                {"start", reply.process.start},
                {"boot", reply.process.boot},
                {"there", reply.there}}
        .dump();
}

Reply reply_to(Packet packet, const std::function<Reply(Question)>& answer) {
    try {
        Question question = read_question(json::parse(packet.text));
        question.standard = std::move(packet.standard);
        return answer(std::move(question));
    } catch (const std::exception& wrong) {
        return {std::string("is no question for a hand: ") + wrong.what()};
    }
}

}  // namespace

Result<Door> Door::open(const std::string& path) {
    const auto failed = [&path](const char* call) {
        return fail(Exit::world, path, fmt::format("{}: {}", call, strerror(errno)));
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(Exit::usage, path,
                    fmt::format("is too long for a socket, expected less than {} characters",
                                sizeof address.sun_path));
    }
    path.copy(address.sun_path, path.size());
    unlink(path.c_str());
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(fd.get(), visitors_at_most) != 0) {
        return failed("listen");
    }
    return Door(path, std::move(fd));
}

void Door::watch(std::vector<pollfd>& polled) const {
    polled.push_back({fd_.get(), POLLIN, 0});
    for (const Fd& visitor : visitors_) {
        polled.push_back({visitor.get(), POLLIN, 0});
    }
}

void Door::serve(const std::function<Reply(Question)>& answer) {
    for (;;) {
        Fd visitor(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!visitor) {
            break;
        }
        if (visitors_.size() < visitors_at_most) {
            visitors_.push_back(std::move(visitor));
        }
    }
    std::erase_if(visitors_, [&answer](const Fd& visitor) {
        auto packet = receive(visitor);
        if (packet && !packet->text.empty()) {
            const std::string text = text_of(reply_to(std::move(*packet), answer));
            (void)!send(visitor.get(), text.data(), text.size(), MSG_NOSIGNAL);
        }
        return packet.has_value();
    });
}

}  // namespace rehome::cutover
