// One connection for one question, with a deadline over all of it.
#include "vipctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/fd.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr size_t answer_max = 64u << 20;  // bytes: nothing that vipd says is near it

tl::unexpected<Error> trouble(const std::string& path, const std::string& what) {
    const std::string why = errno == EAGAIN         ? "no answer in time"
                            : errno == ECONNREFUSED ? "no vipd listens here any more"
                            : errno == ENOENT       ? "no vipd listens here"
                                                    : std::strerror(errno);
    return fail(Exit::world, path, what + ": " + why);
}

void limit_time(int fd, int64_t left_us) {
    const int64_t left = left_us < 1 ? 1 : left_us;
    const timeval limit{left / 1'000'000, left % 1'000'000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// Up to the end of the line, before the deadline (CLOCK_MONOTONIC).
Result<std::string> read_line(int fd, const std::string& path, int64_t deadline_us) {
    std::string line;
    char buffer[65536];
    while (line.find('\n') == std::string::npos) {
        limit_time(fd, deadline_us - monotonic_us());
        const auto count = ::recv(fd, buffer, sizeof buffer, 0);
        if (count < 0) {
            return trouble(path, "cannot read the answer");
        }
        line.append(buffer, static_cast<size_t>(count));
        if (count == 0 || line.size() > answer_max) {
            return fail(Exit::world, path, "vipd closed the connection before it answered");
        }
    }
    return line;
}

// Of a refusal; one without a code is a plain no.
Exit kind_of(const json& code) {
    const int number = code.is_number_integer() ? code.get<int>() : 0;
    return number >= static_cast<int>(Exit::no) && number <= static_cast<int>(Exit::unknown)
               ? static_cast<Exit>(number)
               : Exit::no;
}

}  // namespace

Result<std::string> line_of(const json& request) {
    try {
        return request.dump() + "\n";
    } catch (const json::type_error&) {  // what is said on a command line or in a file
        return fail(Exit::usage, "", "what is asked is no UTF-8, expected text that is");
    }
}

Result<json> ask_vipd(const std::string& path, const json& request,
                      std::chrono::milliseconds limit) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(Exit::usage, path, "is too long for a socket, expected at most 107 bytes");
    }
    path.copy(address.sun_path, path.size());
    const auto line = line_of(request);
    if (!line) {
        return tl::unexpected(line.error());
    }
    const int64_t deadline_us = monotonic_us() + limit.count() * 1000;
    const Fd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    limit_time(connection.get(), limit.count() * 1000);
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
        return trouble(path, "cannot reach vipd");
    }
    if (::send(connection.get(), line->data(), line->size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(line->size())) {
        return trouble(path, "cannot send the request");
    }
    const auto text = read_line(connection.get(), path, deadline_us);
    if (!text) {
        return tl::unexpected(text.error());
    }
    const auto answer = json::parse(*text, nullptr, false);
    if (!answer.is_object() || !answer.contains("ok")) {
        return fail(Exit::world, path, "expected vipd's answer, got something else");
    }
    if (answer["ok"] == true) {
        return answer.value("result", json());
    }
    // Its reasons name their own place, such as a file that was to be reloaded.
    const bool told = answer.contains("error") && answer["error"].is_string();
    return fail(kind_of(answer.value("code", json())), "",
                told ? answer["error"].get<std::string>() : "vipd gave no reason");
}

}  // namespace rehome::vipctl
