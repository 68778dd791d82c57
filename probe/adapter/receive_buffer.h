// A socket's receive buffer: made large, and asked what it had to throw away.
#pragma once

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace rehome::probe {

// As large as the host allows without the privilege to go beyond that.
inline void enlarge_receive_buffer(int fd) {
    constexpr int bytes = 16 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
}

// Packets that were dropped because nobody read the socket in time.  SO_MEMINFO tells the same
// counter as SO_RXQ_OVFL, but also when no packet follows the lost one.
inline uint64_t receive_drops(int fd) {
    std::array<uint32_t, SK_MEMINFO_VARS> values{};
    socklen_t size = sizeof values;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values.data(), &size) != 0) {
        return 0;
    }
    return values[SK_MEMINFO_DROPS];
}

}  // namespace rehome::probe
