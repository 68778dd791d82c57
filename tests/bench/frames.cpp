// Writes the pcap files that the benchmark replays: 64-byte frames (without the frame check
// sequence; a TCP segment over IPv6 takes 74) with right checksums, one flow after the other.
//
//   frames KIND FAMILY FLOWS ORDER NEW_PERCENT PART PARTS CLIENT_FILE [SERVER_FILE]
//
//   KIND         udp, ack (TCP segments without data, in mid-flow) or syn
//   FAMILY       4 or 6
//   FLOWS        different 5-tuples, at most 15 million; a file has one packet of each
//   ORDER        sequential, or random: each file in a permutation of its own
//   NEW_PERCENT  more than 0: so many of a hundred packets in CLIENT_FILE are SYNs of further
//   flows, at
//                least 3,000 in all, the flows repeated as often as that needs.  Both files then
//                have one order, so that every flow is answered at once in the first pass, and
//                SERVER_FILE is 5 % longer, so that the answers come later from pass to pass
//   PART, PARTS  only the flows that RSS gives to queue PART of PARTS (vipd/packet/rss.h): those of
//                one of vipd's workers
//
// CLIENT_FILE has what clients send to the VIPs, SERVER_FILE what the servers answer.  Flow i is of
// client 10.128.0.0/9 (2001:db8:c::/48), and of one of 64 services, VIP 203.0.113.K:5000
// (2001:db8:f::K), each with a server of its own, 10.1.0.K:6000 (2001:db8:a::K), K from 2 to 65.
// In `map` the server's port is the service's: KIND with a "-map" behind it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "vipd/packet/rss.h"

namespace {

constexpr uint32_t flows_max = 1u << 24;
constexpr double new_min = 3000;  // of one file
constexpr size_t frame_bytes = 64;
constexpr uint8_t udp = 17;
constexpr uint8_t tcp = 6;
constexpr uint8_t flag_syn = 0x02;
constexpr uint8_t flag_ack = 0x10;

struct End {
    std::array<uint8_t, 16> address{};  // IPv4: the first four bytes
    uint16_t port = 0;
};

struct Flow {
    End client, vip, server;
};

struct Segment {
    uint8_t protocol = udp;
    uint8_t flags = 0;
};

// A bijection of 24 bits, so that neighbours in order are no neighbours in address.
uint32_t scramble(uint32_t i) {
    for (int round = 0; round < 2; ++round) {
        i = i * 0x9e3779b1u & (flows_max - 1);
        i ^= i >> 13;
    }
    return i;
}

End end_of(bool v4, std::array<uint8_t, 4> four, uint8_t network, uint32_t host, uint16_t port) {
    End end;
    end.port = port;
    if (v4) {
        std::copy(four.begin(), four.end(), end.address.begin());
        return end;
    }
    end.address = {0x20, 0x01, 0x0d, 0xb8, 0, network};
    for (size_t byte = 0; byte < 4; ++byte) {
        end.address[12 + byte] = static_cast<uint8_t>(host >> (24 - 8 * byte));
    }
    return end;
}

// 20 bits of the scrambled number are the client's address, 4 its port.
Flow flow_of(uint32_t i, bool v4, bool map) {
    const uint32_t j = scramble(i);
    const uint32_t host = j >> 4;
    const auto port = static_cast<uint16_t>(1024 + (j & 15) * 4001);
    const auto k = static_cast<uint8_t>(2 + (j * 0x85ebca6bu >> 26));
    return {end_of(v4,
                   {10, static_cast<uint8_t>(128 | host >> 16), static_cast<uint8_t>(host >> 8),
                    static_cast<uint8_t>(host)},
                   0x0c, host, port),
            end_of(v4, {203, 0, 113, k}, 0x0f, k, 5000),
            end_of(v4, {10, 1, 0, k}, 0x0a, k, map ? 5000 : 6000)};
}

// Which of so many queues has what comes from, or goes to, the client.
uint32_t queue_of(const End& client, bool v4, uint32_t queues) {
    const std::array<uint8_t, 2> port{static_cast<uint8_t>(client.port >> 8),
                                      static_cast<uint8_t>(client.port)};
    return rehome::vipd::rss_queue(
        rehome::vipd::rss_hash(std::span(client.address).first(v4 ? 4 : 16), port), queues);
}

class Writer {
public:
    explicit Writer(std::span<uint8_t> bytes) : bytes_(bytes) {}
    void u8(uint8_t value) { bytes_[at_++] = value; }
    void u16(uint16_t value) {
        u8(static_cast<uint8_t>(value >> 8));
        u8(static_cast<uint8_t>(value));
    }
    void u32(uint32_t value) {
        u16(static_cast<uint16_t>(value >> 16));
        u16(static_cast<uint16_t>(value));
    }
    void copy(std::span<const uint8_t> from) {
        std::copy(from.begin(), from.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ += from.size();
    }
    size_t at() const { return at_; }

private:
    std::span<uint8_t> bytes_;
    size_t at_ = 0;
};

// RFC 1071, of an even number of bytes.
uint16_t checksum(std::span<const uint8_t> bytes, uint32_t sum) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

void put(std::span<uint8_t> bytes, size_t at, uint16_t value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}

// Writes the frame, port_number the last byte of net_pcap's MAC address; returns its length.
size_t write_frame(std::span<uint8_t> bytes, bool v4, const End& from, const End& to, Segment kind,
                   uint8_t port_number) {
    const size_t address_bytes = v4 ? 4 : 16;
    const size_t headers = v4 ? 34 : 54;
    const size_t transport = kind.protocol == tcp ? 20 : 8;
    const size_t length = std::max(frame_bytes, headers + transport);
    std::fill(bytes.begin(), bytes.end(), uint8_t{0});
    Writer w(bytes);
    w.copy(std::to_array<uint8_t>({0x02, 0x70, 0x63, 0x61, 0x70, port_number}));
    w.copy(std::to_array<uint8_t>({0x02, 0, 0, 0, 0, 0x99}));
    if (v4) {
        w.u16(0x0800);
        w.u32(0x45000000 | static_cast<uint32_t>(length - 14));
        w.u32(0x00004000);  // don't fragment
        w.u32(0x40000000 | static_cast<uint32_t>(kind.protocol) << 16);
    } else {
        w.u16(0x86dd);
        w.u32(0x60000000);
        w.u16(static_cast<uint16_t>(length - headers));
        w.u8(kind.protocol);
        w.u8(64);
    }
    w.copy(std::span(from.address).first(address_bytes));
    w.copy(std::span(to.address).first(address_bytes));
    w.u16(from.port);
    w.u16(to.port);
    if (kind.protocol == tcp) {
        w.u32(1000);
        w.u32(kind.flags == flag_syn ? 0 : 2000);
        w.u16(static_cast<uint16_t>(0x5000 | kind.flags));
        w.u16(0xffff);
    } else {
        w.u16(static_cast<uint16_t>(length - headers));
    }
    if (v4) {
        put(bytes, 24, checksum(bytes.subspan(14, 20), 0));
    }
    // The pseudo header: the addresses before the transport header, protocol and length.
    const auto summed =
        bytes.subspan(headers - 2 * address_bytes, length - headers + 2 * address_bytes);
    const auto pseudo = static_cast<uint32_t>(kind.protocol + length - headers);
    put(bytes, headers + (kind.protocol == tcp ? 16 : 6), checksum(summed, pseudo));
    return length;
}

// A file as libpcap's own, in this machine's byte order.
class PcapFile {
public:
    explicit PcapFile(const std::string& path)
        : path_(path), file_(fopen((path + ".new").c_str(), "wb")) {
        if (file_ == nullptr) {
            fail();
        }
        setvbuf(file_, nullptr, _IOFBF, 1 << 20);
        const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
        write(header, sizeof header);
    }
    void add(std::span<const uint8_t> frame) {
        const auto length = static_cast<uint32_t>(frame.size());
        const uint32_t header[] = {0, 0, length, length};
        write(header, sizeof header);
        write(frame.data(), frame.size());
    }
    // Only a whole file gets the name.
    void close() {
        if (fclose(file_) != 0 || rename((path_ + ".new").c_str(), path_.c_str()) != 0) {
            fail();
        }
    }

private:
    void write(const void* bytes, size_t count) {
        if (fwrite(bytes, 1, count, file_) != count) {
            fail();
        }
    }
    [[noreturn]] void fail() {
        perror(path_.c_str());
        std::exit(3);
    }

    std::string path_;
    FILE* file_;
};

// So many packets' flows, each flow as often as another.
std::vector<uint32_t> ordered(uint32_t flows, size_t packets, bool random, uint32_t seed) {
    std::vector<uint32_t> order(packets);
    for (size_t i = 0; i < packets; ++i) {
        order[i] = static_cast<uint32_t>(i % flows);
    }
    if (random) {
        std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    }
    return order;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 9) {
        fputs(
            "usage: frames KIND FAMILY FLOWS ORDER NEW_PERCENT PART PARTS CLIENT_FILE "
            "[SERVER_FILE]\n",
            stderr);
        return 2;
    }
    std::string kind = argv[1];
    const bool map = kind.ends_with("-map");
    kind = kind.substr(0, kind.find('-'));
    const bool v4 = std::string(argv[2]) == "4";
    const auto flows = static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10));
    const bool random = std::string(argv[4]) == "random";
    const double share_new = std::strtod(argv[5], nullptr) / 100;
    const auto part = static_cast<uint32_t>(std::strtoul(argv[6], nullptr, 10));
    const auto parts = static_cast<uint32_t>(std::strtoul(argv[7], nullptr, 10));
    if ((kind != "udp" && kind != "ack" && kind != "syn") || flows == 0 || flows > 15'000'000 ||
        parts == 0) {
        fputs("frames: KIND udp, ack or syn; FLOWS 1 to 15000000; PARTS at least 1\n", stderr);
        return 2;
    }
    const Segment segment = kind == "udp"   ? Segment{udp, 0}
                            : kind == "ack" ? Segment{tcp, flag_ack}
                                            : Segment{tcp, flag_syn};
    std::array<uint8_t, 128> bytes;
    const auto frame = [&](const End& from, const End& to, Segment what, uint8_t port_number) {
        return std::span(bytes).first(write_frame(bytes, v4, from, to, what, port_number));
    };
    const bool mix = share_new > 0;
    const size_t packets =
        mix ? std::max<size_t>(flows, static_cast<size_t>(new_min / share_new)) : flows;
    PcapFile client(argv[8]);
    double due = 0;
    uint32_t further = flows;
    for (const uint32_t i : ordered(flows, packets, random, 1)) {
        const Flow flow = flow_of(i, v4, map);
        if (queue_of(flow.client, v4, parts) != part) {
            continue;
        }
        due += share_new;
        if (due >= 1) {
            due -= 1;
            Flow fresh = flow_of(further++, v4, map);
            while (queue_of(fresh.client, v4, parts) != part) {
                fresh = flow_of(further++, v4, map);
            }
            client.add(frame(fresh.client, fresh.vip, {tcp, flag_syn}, 0));
        }
        client.add(frame(flow.client, flow.vip, segment, 0));
    }
    client.close();
    if (argc > 9) {
        const Segment answer = kind == "syn" ? Segment{tcp, flag_syn | flag_ack} : segment;
        PcapFile server(argv[9]);
        auto order = ordered(flows, packets, random, mix ? 1 : 2);
        if (mix) {  // an answer more for each new flow, and the 5 %
            std::vector<uint32_t> longer;
            due = 0;
            for (const uint32_t i : order) {
                due += share_new;
                longer.insert(longer.end(), due >= 1 ? 2 : 1, i);
                due -= due >= 1 ? 1 : 0;
            }
            longer.insert(longer.end(), order.begin(),
                          order.begin() + static_cast<std::ptrdiff_t>(packets / 20));
            order = std::move(longer);
        }
        for (const uint32_t i : order) {
            const Flow flow = flow_of(i, v4, map);
            if (queue_of(flow.client, v4, parts) == part) {
                server.add(frame(flow.server, flow.client, answer, 1));
            }
        }
        server.close();
    }
    return 0;
}
