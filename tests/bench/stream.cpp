// Numbered UDP packets over a real path: what is lost, what it costs, how long it takes.
//
//   stream send HOST PORT RATE SECONDS FLOWS   packets per second from FLOWS source ports, as
//   evenly
//                                              as sleeping allows; 64-byte frames over IPv4
//   stream sink PORT                           counts what arrives, until SIGTERM
//   stream ping HOST PORT RATE SECONDS         waits for the echo of each: round-trip times
//   stream echo PORT [ADDRESS]                 sends back what arrives (there), until SIGTERM
//
// Each prints one line of JSON: counts, cpu_ns (of this process, the kernel's work for it
// included), ping also percentiles in us.  HOST is an IPv4 address.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr size_t payload_bytes = 22;
constexpr unsigned batch = 32;
constexpr int buffer_bytes = 256 << 20;  // so that a sink that waits for its CPU loses nothing

volatile std::sig_atomic_t stopped = 0;

struct Payload {
    uint64_t number;
    int64_t sent_ns;
    std::array<uint8_t, payload_bytes - 16> rest;
};

int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int64_t cpu_ns() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto us = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
    return (us(used.ru_utime) + us(used.ru_stime)) * 1000;
}

[[noreturn]] void fail(const char* what) {
    perror(what);
    std::exit(3);
}

sockaddr_in address_of(const char* host, const char* port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        std::fputs("stream: expected an IPv4 address\n", stderr);
        std::exit(2);
    }
    return address;
}

int open_socket() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
    return fd;
}

int bound(const char* port, const char* host = "0.0.0.0") {
    const int fd = open_socket();
    const sockaddr_in at = address_of(host, port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
        fail("bind");
    }
    const timeval limit{0, 100'000};  // to see that we are to stop
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

int connected(const sockaddr_in& to) {
    const int fd = open_socket();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        fail("connect");
    }
    return fd;
}

// Buffers for many packets in one call.
struct Batch {
    std::array<Payload, batch> payloads{};
    std::array<sockaddr_in, batch> peers{};
    std::array<iovec, batch> parts{};
    std::array<mmsghdr, batch> messages{};

    Batch() {
        for (size_t i = 0; i < batch; ++i) {
            parts[i] = {&payloads[i], payload_bytes};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
    }
    void with_peers() {
        for (size_t i = 0; i < batch; ++i) {
            messages[i].msg_hdr.msg_name = &peers[i];
            messages[i].msg_hdr.msg_namelen = sizeof peers[i];
        }
    }
};

int send_numbered(const sockaddr_in& to, double rate, double seconds, size_t flows) {
    std::vector<int> sockets;
    for (size_t i = 0; i < flows; ++i) {
        sockets.push_back(connected(to));
    }
    Batch packets;
    const int64_t start = now_ns();
    const auto end = start + static_cast<int64_t>(seconds * 1e9);
    uint64_t sent = 0;
    uint64_t refused = 0;
    size_t turn = 0;
    while (stopped == 0) {
        const int64_t now = now_ns();
        if (now >= end) {
            break;
        }
        const auto due = static_cast<uint64_t>(static_cast<double>(now - start) * 1e-9 * rate);
        if (due <= sent) {
            const timespec nap{0, 300'000};  // a burst of a few dozen at the rates of interest
            nanosleep(&nap, nullptr);
            continue;
        }
        const auto count = static_cast<unsigned>(std::min<uint64_t>(batch, due - sent));
        for (unsigned i = 0; i < count; ++i) {
            packets.payloads[i].number = sent + i;
        }
        const int taken = sendmmsg(sockets[turn++ % flows], packets.messages.data(), count, 0);
        if (taken > 0) {
            sent += static_cast<unsigned>(taken);
        } else {
            ++refused;  // no route yet, or an ICMP error: the same numbers again
        }
    }
    std::printf(R"({"sent": %lu, "refused": %lu, "seconds": %.6f, "cpu_ns": %ld})"
                "\n",
                sent, refused, static_cast<double>(now_ns() - start) * 1e-9, cpu_ns());
    return 0;
}

int sink(int fd) {
    Batch packets;
    std::vector<bool> seen;
    uint64_t received = 0;
    uint64_t duplicates = 0;
    uint64_t reordered = 0;
    uint64_t highest = 0;
    while (stopped == 0) {
        const int count = recvmmsg(fd, packets.messages.data(), batch, MSG_WAITFORONE, nullptr);
        for (int i = 0; i < count; ++i) {
            const uint64_t number = packets.payloads[static_cast<size_t>(i)].number;
            if (number >= 1u << 30) {
                continue;  // not ours
            }
            if (number >= seen.size()) {
                seen.resize(number + (1 << 20));
            }
            ++received;
            duplicates += seen[number] ? 1 : 0;
            reordered += number < highest ? 1 : 0;
            seen[number] = true;
            highest = std::max(highest, number);
        }
    }
    std::printf(R"({"received": %lu, "duplicates": %lu, "reordered": %lu, "cpu_ns": %ld})"
                "\n",
                received, duplicates, reordered, cpu_ns());
    return 0;
}

int echo(int fd) {
    Batch packets;
    uint64_t echoed = 0;
    while (stopped == 0) {
        packets.with_peers();
        const int count = recvmmsg(fd, packets.messages.data(), batch, MSG_WAITFORONE, nullptr);
        if (count > 0) {
            const int sent = sendmmsg(fd, packets.messages.data(), static_cast<unsigned>(count), 0);
            echoed += static_cast<uint64_t>(std::max(sent, 0));
        }
    }
    std::printf(R"({"echoed": %lu, "cpu_ns": %ld})"
                "\n",
                echoed, cpu_ns());
    return 0;
}

double percentile(const std::vector<int64_t>& sorted, double percent) {
    if (sorted.empty()) {
        return -1;
    }
    const auto rank = static_cast<size_t>(static_cast<double>(sorted.size() - 1) * percent / 100);
    return static_cast<double>(sorted[rank]) / 1000;
}

int ping(const sockaddr_in& to, double rate, double seconds) {
    const int fd = connected(to);
    std::vector<int64_t> trips;
    const int64_t start = now_ns();
    const auto end = start + static_cast<int64_t>(seconds * 1e9);
    uint64_t sent = 0;
    while (stopped == 0 && now_ns() < end) {
        const auto due = start + static_cast<int64_t>(static_cast<double>(sent) * 1e9 / rate);
        while (now_ns() < due) {
            const timespec nap{0, 20'000};
            nanosleep(&nap, nullptr);
        }
        Payload payload{sent++, now_ns(), {}};
        if (send(fd, &payload, payload_bytes, 0) < 0) {
            continue;
        }
        pollfd wait{fd, POLLIN, 0};
        const int64_t deadline = now_ns() + 100'000'000;
        while (now_ns() < deadline) {
            if (poll(&wait, 1, 10) <= 0) {
                continue;
            }
            Payload answer{};
            if (recv(fd, &answer, payload_bytes, 0) == static_cast<ssize_t>(payload_bytes) &&
                answer.number == payload.number) {
                trips.push_back(now_ns() - answer.sent_ns);
                break;
            }
        }
    }
    std::sort(trips.begin(), trips.end());
    std::printf(R"({"sent": %lu, "answered": %zu, "min_us": %.1f, "p50_us": %.1f, "p99_us": %.1f})"
                "\n",
                sent, trips.size(), percentile(trips, 0), percentile(trips, 50),
                percentile(trips, 99));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    struct sigaction action {};
    action.sa_handler = [](int) { stopped = 1; };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "send" && argc == 7) {
        return send_numbered(address_of(argv[2], argv[3]), std::atof(argv[4]), std::atof(argv[5]),
                             std::strtoul(argv[6], nullptr, 10));
    }
    if (what == "ping" && argc == 6) {
        return ping(address_of(argv[2], argv[3]), std::atof(argv[4]), std::atof(argv[5]));
    }
    if (what == "sink" && argc == 3) {
        return sink(bound(argv[2]));
    }
    if (what == "echo" && (argc == 3 || argc == 4)) {
        return echo(argc == 4 ? bound(argv[2], argv[3]) : bound(argv[2]));
    }
    std::fputs(
        "usage: stream send HOST PORT RATE SECONDS FLOWS | sink PORT | ping HOST PORT RATE "
        "SECONDS | echo PORT [ADDRESS]\n",
        stderr);
    return 2;
}
