// A child that writes files for a process that is going to give up its privileges.
//
// Forked while they are still there, and before there is a socket, it keeps nothing of its parent
// but one end of a channel: packets in both directions (unix(7), SOCK_SEQPACKET), the end of which
// it sees when the parent has gone, however that went.  Signals to the process group do not end it,
// so that what an interrupted run has is kept too.  Not thread-safe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/fd.h"

namespace rehome::probe {

class WriterChild {
public:
    using Limit = std::chrono::milliseconds;

    // serve: the child's life; it gets its end of the channel.  where: stands in errors.
    static Result<WriterChild> start(const std::string& where,
                                     const std::function<void(const Fd& channel)>& serve);

    WriterChild(WriterChild&&) = default;
    WriterChild& operator=(WriterChild&&) = default;
    ~WriterChild();  // waits for the child no longer than it has to

    // A piece of at most `piece` bytes.  Never waits.
    enum class Sent { yes, full, gone };
    Sent send(std::string_view bytes);

    // All of it, piece by piece; false when the child has gone, or takes nothing for so long.
    bool send_all(std::string_view bytes, Limit limit);

    // A message of the child; nothing when none comes for so long, or the child has gone.
    std::optional<std::string> receive(Limit limit);

    static constexpr size_t piece = 65536;

private:
    WriterChild(Fd channel, pid_t child) : channel_(std::move(channel)), child_(child) {}
    bool wait_for(short events, Limit limit) const;

    Fd channel_;
    pid_t child_ = -1;
};

// In the child: the next piece; empty: the parent has gone.  Waits until the time, nothing when it
// has come.
std::optional<std::string_view> next_piece(const Fd& channel, std::string& room,
                                           std::optional<WriterChild::Limit> limit);
// False when there is no room for it.  Never waits.
bool answer(const Fd& channel, std::string_view bytes);

}  // namespace rehome::probe
