// Packets from clients that are not there, through a raw socket (raw(7)), as evenly as sleeping
// allows; IPv4.
//
//   spoof syn HOST PORT RATE SECONDS        SYNs, each from a random address and port; RATE 0: as
//   many
//                                           as can be sent in that time
//   spoof udp HOST PORT RATE FIRST FLOWS    a datagram from each of FLOWS clients: 100 ports each
//   of
//                                           the addresses from 20.0.0.0 on, from the FIRST on
//
// Prints one line of JSON: {"sent": packets, "seconds": time}.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <string_view>

namespace {

constexpr size_t batch = 32;
constexpr size_t packet_max = 40;

struct Target {
    uint32_t address;  // host order
    uint16_t port;
};

double now_s() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void put16(uint8_t* at, uint32_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

using Packet = std::array<uint8_t, packet_max>;

// The kernel fills in the IP header's checksum and length.
void write_ip(Packet& packet, uint8_t protocol, uint32_t source, const Target& to) {
    packet = {0x45};
    packet[8] = 64;
    packet[9] = protocol;
    put32(&packet[12], source);
    put32(&packet[16], to.address);
}

size_t write_syn(Packet& packet, uint32_t source, uint16_t port, uint32_t seq, const Target& to) {
    write_ip(packet, IPPROTO_TCP, source, to);
    uint8_t* tcp = &packet[20];
    put16(tcp, port);
    put16(tcp + 2, to.port);
    put32(tcp + 4, seq);
    tcp[12] = 5 << 4;
    tcp[13] = 0x02;
    put16(tcp + 14, 64'000);
    uint32_t sum = IPPROTO_TCP + 20;
    for (size_t i = 12; i < 40; i += 2) {
        sum += static_cast<uint32_t>(packet[i] << 8 | packet[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put16(tcp + 16, ~((sum & 0xffff) + (sum >> 16)));
    return 40;
}

size_t write_udp(Packet& packet, uint32_t source, uint16_t port, const Target& to) {
    write_ip(packet, IPPROTO_UDP, source, to);
    put16(&packet[20], port);
    put16(&packet[22], to.port);
    put16(&packet[24], 12);  // without a checksum
    return 32;
}

// make(packet, n) writes the nth packet; there are `count` at that rate, or, at 0, what can be sent
// in that time.
int send_all(const Target& to, double rate, uint64_t count, double seconds,
             const std::function<size_t(Packet&, uint64_t)>& make) {
    const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0) {
        perror("spoof: socket");
        return 3;
    }
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(to.address);
    std::array<Packet, batch> packets;
    std::array<iovec, batch> parts{};
    std::array<mmsghdr, batch> messages{};
    const double began = now_s();
    uint64_t sent = 0;
    while (rate == 0 ? now_s() - began < seconds : sent < count) {
        const auto due = rate == 0
                             ? sent + batch
                             : std::min(count, static_cast<uint64_t>((now_s() - began) * rate) + 1);
        if (due <= sent) {
            const timespec nap{0, 200'000};
            nanosleep(&nap, nullptr);
            continue;
        }
        const auto some = std::min<uint64_t>(batch, due - sent);
        for (size_t i = 0; i < some; ++i) {
            parts[i] = {packets[i].data(), make(packets[i], sent + i)};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_name = &peer;
            messages[i].msg_hdr.msg_namelen = sizeof peer;
        }
        const int taken = sendmmsg(fd, messages.data(), static_cast<unsigned>(some), 0);
        if (taken < 0) {
            perror("spoof: send");
            return 3;
        }
        sent += static_cast<uint64_t>(taken);
    }
    std::printf("{\"sent\": %lu, \"seconds\": %.6f}\n", sent, now_s() - began);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    in_addr host{};
    if (argc < 6 || inet_pton(AF_INET, argv[2], &host) != 1) {
        std::fputs("spoof syn HOST PORT RATE SECONDS | udp HOST PORT RATE FIRST FLOWS\n", stderr);
        return 2;
    }
    const std::string_view what = argv[1];
    const Target to{ntohl(host.s_addr), static_cast<uint16_t>(std::atoi(argv[3]))};
    const double rate = std::atof(argv[4]);
    std::mt19937 twister(1);
    const auto draw = [&] { return static_cast<uint32_t>(twister()); };
    if (what == "syn") {
        const double seconds = std::atof(argv[5]);
        const auto count = static_cast<uint64_t>(rate * seconds);
        return send_all(to, rate, count, seconds, [&](Packet& packet, uint64_t) {
            const uint32_t source = 0x14000000 + draw() % 0x40000000;  // 20.0.0.0 to 83.255.255.255
            return write_syn(packet, source, static_cast<uint16_t>(1024 + draw() % 60'000), draw(),
                             to);
        });
    }
    if (what == "udp" && argc == 7) {
        const auto first = std::strtoull(argv[5], nullptr, 10);
        return send_all(
            to, rate, std::strtoull(argv[6], nullptr, 10), 0, [&](Packet& packet, uint64_t n) {
                const uint64_t client = first + n;
                return write_udp(packet, static_cast<uint32_t>(0x14000000 + client / 100),
                                 static_cast<uint16_t>(2000 + client % 100), to);
            });
    }
    std::fputs("spoof: expected syn or udp\n", stderr);
    return 2;
}
