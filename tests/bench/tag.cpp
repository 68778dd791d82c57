// What a tag costs beside the tunnel's headers: the CPU time of encapsulate() with keys less that
// without, and of reading the header and checking the tag likewise, packet by packet over so many
// that they do not all lie in the first cache.  With and without take turns.  Prints JSON: for TCP
// and UDP over IPv4 and IPv6, nanoseconds, of the quickest turns and the median.
//
//   tag ROUNDS
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/gue.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

constexpr size_t packets = 2048;
constexpr int passes = 40;
constexpr uint32_t room = 128;

// Other programs' share of the machine is not counted.
double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Frames of as many flows, each with room before it.
struct Pool {
    std::vector<Bytes> storage;
    std::vector<Frame> frames;
    std::vector<Packet> parsed;

    Pool(bool v6, uint8_t protocol) {
        for (size_t i = 0; i < packets; ++i) {
            const auto port = static_cast<uint16_t>(1024 + i);
            Say say{{v6 ? ip("2001:db8:c::1") : ip("100.80.0.1"), port},
                    {v6 ? ip("2001:db8:f::10") : ip("198.51.100.10"), 1883}};
            say.protocol = protocol;
            say.payload.assign(32, 'x');
            const Bytes frame = make_frame(say);
            storage.emplace_back(room + frame.size());
            std::copy(frame.begin(), frame.end(), storage.back().begin() + room);
        }
        for (auto& bytes : storage) {
            frames.push_back(
                {bytes.data() + room, static_cast<uint32_t>(bytes.size() - room), room, 0});
            parsed.push_back(*parse_packet(frames.back().bytes(), ethernet_bytes));
        }
    }
};

double per_packet(const std::function<void()>& pass) {
    const double start = cpu_ns();
    for (int i = 0; i < passes; ++i) {
        pass();
    }
    return (cpu_ns() - start) / passes / packets;
}

// Each time the packets are as they were: the headers go before them.
void enter_all(Pool& pool, const TunnelEnds& ends) {
    for (size_t i = 0; i < packets; ++i) {
        Frame frame = pool.frames[i];
        if (!encapsulate(frame, pool.parsed[i], {}, ends)) {
            std::abort();
        }
    }
}

// What has been encapsulated last.
void open_all(const Pool& pool, const TunnelEnds& ends) {
    const uint32_t header = gue_bytes + ends.overhead(Gue::Kind::client) - tunnel_bytes(Family::v4);
    for (size_t i = 0; i < packets; ++i) {
        const uint8_t* inner = pool.frames[i].data + ethernet_bytes;
        const uint32_t length = pool.parsed[i].end - pool.parsed[i].ip;
        const std::span carried(inner, length);
        const auto gue = decode_gue({inner - header, header + length});
        const bool tagged = ends.signing.keys != nullptr;
        if (!gue || gue->tagged != tagged ||
            (tagged && !tag_holds(*ends.signing.keys, *gue, tag_in(*gue, carried), carried,
                                  pool.parsed[i]))) {
            std::abort();
        }
    }
}

// What tags cost: of the quickest turns with and without, and the median of the differences.
class Times {
public:
    void add(double with, double without) {
        with_ = std::min(with_, with);
        without_ = std::min(without_, without);
        differences_.push_back(with - without);
    }
    nlohmann::json told() {
        std::sort(differences_.begin(), differences_.end());
        const auto rounded = [](double ns) { return std::round(ns * 10) / 10; };
        return {{"best", rounded(with_ - without_)},
                {"median", rounded(differences_[differences_.size() / 2])}};
    }

private:
    double with_ = 1e9, without_ = 1e9;
    std::vector<double> differences_;
};

nlohmann::json measure(bool v6, uint8_t protocol, int rounds) {
    Pool pool(v6, protocol);
    uint64_t counter = 0;
    const TagKeys keys{{1, 2}, {3, 4}};
    const TunnelEnds bare{ip("10.99.0.1"), ip("10.99.0.2"), 50000};
    TunnelEnds tagged = bare;
    tagged.signing = {&keys, 1, 0, 1, &counter};
    Times put, check;
    for (int i = 0; i < rounds; ++i) {
        const double put_bare = per_packet([&] { enter_all(pool, bare); });
        const double check_bare = per_packet([&] { open_all(pool, bare); });
        put.add(per_packet([&] { enter_all(pool, tagged); }), put_bare);
        check.add(per_packet([&] { open_all(pool, tagged); }), check_bare);
    }
    return {{"put_ns", put.told()}, {"check_ns", check.told()}};
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
        nlohmann::json told;
        for (const bool v6 : {false, true}) {
            for (const uint8_t protocol : {uint8_t{6}, uint8_t{17}}) {
                told[std::string(protocol == 6 ? "tcp" : "udp") + (v6 ? "6" : "4")] =
                    measure(v6, protocol, std::max(rounds, 1));
            }
        }
        std::printf("%s\n", told.dump().c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
