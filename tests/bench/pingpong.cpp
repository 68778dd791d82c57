// pingpong: the round trip of a datagram, one at a time.
//
//     pingpong serve PORT               sends each datagram back, until it is killed
//     pingpong ask HOST PORT SECONDS    prints {"rounds": N, "median_us": US, "best_us": US}
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in at(const char* host, const char* port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

int serve(const char* port) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in own = at("0.0.0.0", port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        std::perror("pingpong: bind");
        return 3;
    }
    char bytes[2048];
    while (true) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const auto got =
            recvfrom(fd, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got > 0) {
            (void)sendto(fd, bytes, static_cast<size_t>(got), 0,
                         reinterpret_cast<const sockaddr*>(&from), size);
        }
    }
}

int ask(const char* host, const char* port, double seconds) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in to = at(host, port);
    const timeval patience{0, 200'000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        std::perror("pingpong: connect");
        return 3;
    }
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    std::vector<double> trips;
    char bytes[64] = {};
    while (Clock::now() < end) {
        const auto began = Clock::now();
        if (send(fd, bytes, sizeof bytes, 0) > 0 && recv(fd, bytes, sizeof bytes, 0) > 0) {
            trips.push_back(
                std::chrono::duration<double, std::micro>(Clock::now() - began).count());
        }
    }
    if (trips.empty()) {
        std::fprintf(stderr, "pingpong: nothing came back\n");
        return 3;
    }
    std::sort(trips.begin(), trips.end());
    std::printf("{\"rounds\": %zu, \"median_us\": %.1f, \"best_us\": %.1f}\n", trips.size(),
                trips[trips.size() / 2], trips.front());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "serve" && argc == 3) {
        return serve(argv[2]);
    }
    if (what == "ask" && argc == 5) {
        return ask(argv[2], argv[3], std::atof(argv[4]));
    }
    std::fprintf(stderr, "usage: pingpong serve PORT | pingpong ask HOST PORT SECONDS\n");
    return 2;
}
