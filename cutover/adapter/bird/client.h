// BIRD's control socket: one command, one reply, in bounded time.  Not thread-safe.
#pragma once

#include <chrono>
#include <string>

#include "common/fd.h"
#include "cutover/bird/reply.h"

namespace rehome::cutover {

class BirdClient {
public:
    // Connects and takes the greeting.
    static Result<BirdClient> connect(const std::string& socket);

    // Any reply, also a refusal; an error when none came in time.  After one the client is of no
    // more use, as the reply may still come.
    Result<BirdReply> ask(const std::string& command);

    const std::string& socket() const { return socket_; }

private:
    BirdClient(Fd fd, std::string socket) : fd_(std::move(fd)), socket_(std::move(socket)) {}
    Result<BirdReply> read_reply();

    Fd fd_;
    std::string socket_;
};

}  // namespace rehome::cutover
