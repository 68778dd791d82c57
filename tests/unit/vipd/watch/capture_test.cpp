// The capture ring: what is kept, in which order, what is missed; and the file's blocks, read by
// libpcap.
#include "vipd/watch/capture.h"

#include <doctest/doctest.h>
#include <pcap/pcap.h>

#include <deque>
#include <map>
#include <thread>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/packet_text.h"
#include "vipd/watch/pcapng.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

const Fate to_servers{Fate::Kind::forward, Drop::count_, 3};
const Fate no_service{Fate::Kind::drop, Drop::no_service, 0};
const Fate truncated{Fate::Kind::drop, Drop::truncated, 0};

struct Kept {
    int64_t time_us;
    PortIndex port;
    Fate::Kind way;
    uint32_t original_length;
    Bytes frame;

    bool operator==(const Kept&) const = default;
};

std::vector<Kept> take_all(CaptureRing& ring, size_t at_once = 1000) {
    std::vector<Kept> kept;
    while (ring.take(at_once, [&](const CapturedPacket& p) {
        kept.push_back(
            {p.time_us, p.port, p.fate.kind, p.original_length, {p.frame.begin(), p.frame.end()}});
    }) > 0) {
    }
    return kept;
}

void one(CaptureRing& ring, const Bytes& frame, const Fate& fate, PortIndex port = 0) {
    ring.before(5, port, frame, 77);
    ring.after(5, fate);
}

}  // namespace

TEST_CASE("what is dropped after its verdict is kept with its reason") {
    const Bytes frame{1, 2, 3};
    for (const auto& [reason, kept] :
         std::map<std::string, size_t>{{"all", 2}, {"no_neighbour", 1}, {"ring_full", 0}}) {
        CAPTURE(reason);
        CaptureOptions options;
        REQUIRE(options.only_drops(reason));
        CaptureRing ring(options);
        ring.lost(2, frame, Drop::no_neighbour, 9);
        ring.lost(2, frame, Drop::port_full, 9);
        const auto all = take_all(ring);
        CHECK(all.size() == kept);
        CHECK((all.empty() || all[0] == Kept{9, 2, Fate::Kind::drop, 3, frame}));
    }
}

TEST_CASE("what a capture keeps") {
    struct Row {
        const char* what;
        std::function<void(CaptureOptions&)> change;
        size_t kept;  // of: forwarded by port 0, dropped twice, forwarded by port 1, one sent
    };
    const Row rows[] = {
        {"what came in", [](CaptureOptions&) {}, 4},
        {"what was sent too", [](CaptureOptions& o) { o.sent = true; }, 5},
        {"only what was sent", [](CaptureOptions& o) { o.sent = true, o.received = false; }, 1},
        {"drops", [](CaptureOptions& o) { REQUIRE(o.only_drops("all")); }, 2},
        {"one reason", [](CaptureOptions& o) { REQUIRE(o.only_drops("truncated")); }, 1},
        {"drops are never sent",
         [](CaptureOptions& o) { o.sent = true, o.received = false, o.drops_only = true; }, 0},
        {"a port", [](CaptureOptions& o) { o.port = PortIndex{1}; }, 1},
        {"a count", [](CaptureOptions& o) { o.count = 3; }, 3},
        {"a filter", [](CaptureOptions& o) { o.filter = [](auto f) { return f[0] == 2; }; }, 1},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CaptureOptions options;
        row.change(options);
        CaptureRing ring(options);
        const Bytes first{1, 1}, second{2, 2}, third{3, 3}, fourth{4, 4};
        ring.before(0, 0, first, 1);
        ring.before(1, 0, second, 1);
        ring.before(2, 0, third, 1);
        ring.after(0, to_servers);
        ring.after(1, no_service);
        ring.after(2, truncated);
        ring.before(0, 1, fourth, 2);
        ring.after(0, to_servers);
        ring.sent(3, first, 3);
        CHECK(ring.kept() == row.kept);
        CHECK(take_all(ring).size() == row.kept);
        CHECK(ring.missed() == 0);
    }
}

TEST_CASE("the frame before it was changed, its first bytes, its length") {
    CaptureOptions options;
    options.snap = 3;
    CaptureRing ring(options);
    Bytes frame{1, 2, 3, 4, 5};
    ring.before(0, 2, frame, 1234567);
    frame = {9, 9, 9};
    ring.after(0, to_servers);
    ring.after(0, to_servers);  // told twice: kept once
    CHECK(take_all(ring) == std::vector<Kept>{{1234567, 2, Fate::Kind::forward, 5, {1, 2, 3}}});
}

TEST_CASE("a reason that is none is told with those that are") {
    CaptureOptions options;
    const auto done = options.only_drops("nonsense");
    REQUIRE(!done);
    CHECK(done.error().text().find(
              "\"nonsense\" is no drop reason, expected one of all, truncated") == 0);
}

TEST_CASE("a full ring misses packets and goes on in order") {
    const uint64_t seed = 11;
    CAPTURE(seed);
    Random random(seed);
    CaptureOptions options;
    options.ring_bytes = 1000;  // wraps often
    CaptureRing ring(options);
    std::deque<Kept> expected;
    uint64_t missed = 0;
    for (int i = 0; i < 20000; ++i) {
        const Bytes frame = random.bytes(random.below(200));
        const uint64_t before = ring.missed();
        ring.before(0, static_cast<PortIndex>(i % 7), frame, i);
        ring.after(0, to_servers);
        if (ring.missed() == before) {
            expected.push_back({i, static_cast<PortIndex>(i % 7), Fate::Kind::forward,
                                static_cast<uint32_t>(frame.size()), frame});
        } else {
            ++missed;
        }
        if (random.chance(20)) {
            ring.take(random.below(4), [&](const CapturedPacket& p) {
                REQUIRE(!expected.empty());
                CHECK(p.time_us == expected.front().time_us);
                CHECK(Bytes(p.frame.begin(), p.frame.end()) == expected.front().frame);
                expected.pop_front();
            });
        }
    }
    CHECK(missed > 1000);
    CHECK(ring.missed() == missed);
    CHECK(ring.kept() == 20000 - missed);
    CHECK(take_all(ring).size() == expected.size());
    one(ring, Bytes(2000), to_servers);  // larger than the ring
    CHECK(ring.missed() == missed + 1);
}

TEST_CASE("a worker writes while another thread takes") {
    CaptureOptions options;
    options.ring_bytes = 4096;
    CaptureRing ring(options);
    constexpr int64_t packets = 200'000;
    std::thread worker([&] {
        for (int64_t i = 0; i < packets; ++i) {
            const Bytes frame(static_cast<size_t>(i % 100), static_cast<uint8_t>(i));
            ring.before(0, 0, frame, i);
            ring.after(0, to_servers);
        }
    });
    int64_t last = -1;
    uint64_t taken = 0, wrong = 0;
    const auto check = [&](const CapturedPacket& p) {
        const Bytes frame(static_cast<size_t>(p.time_us % 100), static_cast<uint8_t>(p.time_us));
        wrong += p.time_us <= last ||
                 !std::equal(p.frame.begin(), p.frame.end(), frame.begin(), frame.end());
        last = p.time_us;
        ++taken;
    };
    while (ring.kept() + ring.missed() < packets) {
        ring.take(50, check);
    }
    worker.join();
    ring.take(SIZE_MAX, check);
    CHECK(wrong == 0);
    CHECK(taken == ring.kept());
    CHECK(taken + ring.missed() == packets);
}

TEST_CASE("the comment says what became of the packet") {
    const std::string ports[] = {"red", "green", "blue", "servers"};
    struct Row {
        Fate fate;
        std::string comment;
    };
    for (const auto& row : {
             Row{to_servers, "forwarded by servers"},
             Row{{Fate::Kind::forward, Drop::count_, 9}, "forwarded by 9"},
             Row{{Fate::Kind::punt, Drop::count_, 0}, "to the kernel"},
             Row{{Fate::Kind::consumed, Drop::count_, 0}, "for vipd itself"},
             Row{{Fate::Kind::sent, Drop::count_, 0}, "sent"},
             Row{no_service,
                 "dropped: no_service: to a moved prefix, but no service on address and port"},
             Row{{Fate::Kind::drop, Drop::count_, 0}, "dropped"},
         }) {
        CHECK(capture_comment(row.fate, ports) == row.comment);
    }
}

TEST_CASE("a capture file's blocks, byte by byte") {
    const Bytes frame{0xaa, 0xbb, 0xcc, 0xdd, 0xee};
    const Bytes block =
        pcapng::packet({1, 0x0102030405060708, 99, pcapng::Direction::in}, frame, "no");
    const Bytes expected{6,    0,    0,    0,    60,   0,   0, 0, 1, 0, 0, 0,  // EPB, 60 bytes
                         4,    3,    2,    1,    8,    7,   6, 5,  // time, high half first
                         5,    0,    0,    0,    99,   0,   0, 0,  // captured, original
                         0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0,   0, 0,  // padded
                         1,    0,    2,    0,    'n',  'o', 0, 0,  // opt_comment
                         2,    0,    4,    0,    1,    0,   0, 0, 0, 0, 0, 0,
                         60,   0,    0,    0};  // epb_flags, end
    CHECK(block == expected);
    const Bytes statistics = pcapng::statistics(2, {1, 7});
    CHECK(statistics.size() == 40);
    CHECK(pcapng::section("", "").size() == 32);
    // A long comment is cut between two characters.
    std::string text;
    for (int i = 0; i < 400; ++i) {
        text += "\xe2\x82\xac";
    }
    const Bytes cut = pcapng::packet({}, frame, text);
    CHECK(cut[28 + 8 + 2] == 999 % 256);
    CHECK(cut[28 + 8 + 3] == 999 / 256);
}

TEST_CASE("libpcap reads the file, at any time") {
    Bytes file = pcapng::section("vipd 0.1.0", "a capture");
    const auto add = [&](const Bytes& block) {
        file.insert(file.end(), block.begin(), block.end());
    };
    add(pcapng::interface("red", 0, "host 192.0.2.1"));
    add(pcapng::interface("servers", 0, ""));
    std::vector<Bytes> frames;
    for (uint32_t i = 0; i < 5; ++i) {
        frames.push_back(
            frame_of(*parse_packet_text("udp 192.0.2.1:1 > 192.0.2.2:2 len " + std::to_string(i))));
        const auto snapped = std::span(frames[i]).first(40);
        add(pcapng::packet({i % 2, 1'700'000'000'000'001 + i, 1000 + i, pcapng::Direction::in},
                           snapped, "to servers"));
        add(pcapng::statistics(0, {1, i}));
        char error[PCAP_ERRBUF_SIZE] = "";
        FILE* stream = fmemopen(file.data(), file.size(), "r");
        pcap_t* reader = pcap_fopen_offline(stream, error);
        REQUIRE_MESSAGE(reader != nullptr, error);
        CHECK(pcap_datalink(reader) == DLT_EN10MB);
        pcap_pkthdr* header = nullptr;
        const u_char* bytes = nullptr;
        for (uint32_t k = 0; k <= i; ++k) {
            REQUIRE(pcap_next_ex(reader, &header, &bytes) == 1);
            CHECK(header->caplen == 40);
            CHECK(header->len == 1000 + k);
            CHECK(header->ts.tv_sec == 1'700'000'000);
            CHECK(header->ts.tv_usec == 1 + k);
            CHECK(std::equal(bytes, bytes + 40, frames[k].begin()));
        }
        CHECK(pcap_next_ex(reader, &header, &bytes) == PCAP_ERROR_BREAK);
        pcap_close(reader);
    }
}
