// Fragments kept together: rows of arrivals, and a random run against a plain model.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/vipd/packets.h"
#include "vipd/flow/fragments.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;

// The fragments of a datagram of so many bytes, 64 each.
std::vector<Bytes> datagram(uint32_t id, uint16_t port, uint32_t bytes = 200, bool v6 = false,
                            uint8_t protocol = 17) {
    Say say{v6 ? end("[2001:db8::1]:0") : end("192.0.2.1:0"),
            v6 ? end("[2001:db8::2]:53") : end("198.51.100.10:53"), protocol};
    say.from.port = port;
    say.icmp_type = v6 ? 128 : 8;
    say.payload.assign(bytes, 'x');
    return split(make_ip(say), 64, id);
}

// Fragments with what they told, one event a line.
struct Bench {
    explicit Bench(const Fragments::Limits& limits = {}) : fragments(limits, 7) {}

    Fragments fragments;
    Micros now = 100 * second;
    std::string log;

    void add(const std::string& event) { log += (log.empty() ? "" : " ") + event; }
    Fragments::Lost lost() {
        return [this](std::span<const uint8_t>, uint32_t tag, Drop why) {
            add("lost" + std::to_string(tag) + ":" + std::string(name(why)));
        };
    }
    // A fragment arrives, as the datapath would take it.
    void arrive(const Bytes& ip_packet, uint32_t tag) {
        const Packet packet = *parse_packet(ip_packet, 0);
        const auto event = std::to_string(tag);
        if (!packet.later_fragment()) {
            if (!fragments.learn(packet, now, lost())) {
                return add(event + ":contradicts");
            }
            add(event + ":first");
            fragments.release(fragment_key(packet), [&](std::span<uint8_t> bytes, uint32_t held) {
                const Packet later = *parse_packet(bytes, 0);
                const auto* known = fragments.find(later);
                REQUIRE(known != nullptr);
                add(std::to_string(held) + ":" + std::to_string(known->source_port));
            });
        } else if (const auto* known = fragments.find(packet)) {
            add(event + ":" + (known->echo ? "echo" : std::to_string(known->source_port)));
        } else {
            add(event + (fragments.hold(packet, ip_packet, tag, now, lost()) ? ":held" : ":full"));
        }
    }
    std::string taken() { return std::exchange(log, ""); }
};

}  // namespace

TEST_CASE("fragments in any order get their first one's ports") {
    for (const bool v6 : {false, true}) {
        struct Row {
            std::string order, log;
        };
        for (const Row& row : {Row{"0123", "0:first 1:9 2:9 3:9"},
                               {"3210", "3:held 2:held 1:held 0:first 3:9 2:9 1:9"},
                               {"1023", "1:held 0:first 1:9 2:9 3:9"},
                               {"0312", "0:first 3:9 1:9 2:9"},
                               {"00123", "0:first 0:first 1:9 2:9 3:9"},
                               {"11023", "1:held 1:held 0:first 1:9 1:9 2:9 3:9"}}) {
            INFO(row.order, " v6 ", v6);
            Bench bench;
            const auto pieces = datagram(77, 9, 200, v6);
            REQUIRE(pieces.size() == 4);
            for (const char which : row.order) {
                bench.arrive(pieces[static_cast<size_t>(which - '0')],
                             static_cast<uint32_t>(which - '0'));
            }
            CHECK(bench.log == row.log);
            CHECK(bench.fragments.held_bytes() == 0);
            CHECK(bench.fragments.known() == 1);
            CHECK(bench.fragments.waiting() == 0);
        }
    }
}

TEST_CASE("datagrams are told apart") {
    Bench bench;
    const auto first = datagram(1, 11);
    bench.arrive(first[0], 0);
    for (const auto& [what, pieces] : {std::pair{"another id", datagram(2, 11)},
                                       {"another protocol", datagram(1, 0, 200, false, 1)},
                                       {"the other family", datagram(1, 11, 200, true)}}) {
        INFO(what);
        bench.arrive(pieces[1], 1);
        CHECK(bench.taken().ends_with("1:held"));
    }
    bench.arrive(first[1], 2);
    CHECK(bench.taken() == "2:11");
    bench.arrive(datagram(1, 0, 200, false, 1)[0], 3);
    CHECK(bench.taken() == "3:first 1:0");
    bench.arrive(datagram(1, 0, 200, false, 1)[2], 4);
    CHECK(bench.taken() == "4:echo");
}

TEST_CASE("a second, different first fragment") {
    Bench bench;
    const auto one = datagram(5, 1), other = datagram(5, 2);
    bench.arrive(one[0], 0);
    bench.arrive(other[0], 1);
    CHECK(bench.taken() == "0:first 1:contradicts");
    // Once the datagram is complete, its identification may be used again.
    bench.arrive(one[1], 1);
    bench.arrive(one[2], 2);
    bench.arrive(other[0], 3);
    CHECK(bench.taken() == "1:1 2:1 3:contradicts");
    bench.arrive(one[3], 3);
    bench.arrive(other[0], 4);
    bench.arrive(other[1], 5);
    CHECK(bench.taken() == "3:1 4:first 5:2");
    bench.arrive(one[0], 6);
    CHECK(bench.taken() == "6:contradicts");
    bench.now += 16 * second;
    bench.fragments.expire(bench.now, bench.lost());
    bench.arrive(one[0], 7);
    CHECK(bench.taken() == "7:first");
}

TEST_CASE("what waits too long") {
    Bench bench;
    bench.arrive(datagram(1, 1)[1], 10);
    bench.arrive(datagram(1, 1)[2], 11);
    bench.now += second;
    bench.arrive(datagram(2, 2)[1], 20);
    bench.arrive(datagram(3, 3)[0], 30);
    bench.taken();
    bench.now += second;
    bench.fragments.expire(bench.now, bench.lost());
    CHECK(bench.taken() == "lost10:fragment_timeout lost11:fragment_timeout");
    bench.arrive(datagram(1, 1)[0], 12);
    CHECK(bench.taken() == "12:first");
    bench.now += second;
    bench.fragments.expire(bench.now, bench.lost());
    CHECK(bench.taken() == "lost20:fragment_timeout");
    CHECK(bench.fragments.waiting() == 0);
    CHECK(bench.fragments.held_bytes() == 0);
    bench.arrive(datagram(3, 3)[1], 31);
    CHECK(bench.taken() == "31:3");
    bench.now += 15 * second;
    bench.fragments.expire(bench.now, bench.lost());
    CHECK(bench.fragments.known() == 0);
    bench.arrive(datagram(3, 3)[2], 32);
    CHECK(bench.taken() == "32:held");
}

TEST_CASE("limits") {
    SUBCASE("waiting datagrams: the oldest is replaced, known ones are not") {
        Bench bench({.known = 2, .waiting = 2});
        bench.arrive(datagram(9, 9)[0], 90);
        for (uint32_t id = 1; id <= 4; ++id) {
            bench.arrive(datagram(id, 1)[1], id);
        }
        CHECK(bench.taken() ==
              "90:first 1:held 2:held lost1:fragments_full 3:held lost2:fragments_full 4:held");
        bench.arrive(datagram(9, 9)[1], 91);
        CHECK(bench.taken() == "91:9");
        CHECK(bench.fragments.waiting() == 2);
    }
    SUBCASE("known datagrams: the oldest is replaced, waiting ones are not") {
        Bench bench({.known = 2, .waiting = 2});
        bench.arrive(datagram(9, 9)[1], 91);
        for (uint16_t id = 1; id <= 3; ++id) {
            bench.arrive(datagram(id, id)[0], id);
        }
        bench.arrive(datagram(1, 1)[1], 11);
        bench.arrive(datagram(2, 2)[1], 12);
        bench.arrive(datagram(9, 9)[0], 90);
        bench.arrive(datagram(2, 2)[2], 22);
        CHECK(bench.taken() ==
              "91:held 1:first 2:first 3:first 11:held 12:2 90:first 91:9 22:held");
    }
    SUBCASE("frames of one datagram") {
        Bench bench({.held_each = 2});
        const auto pieces = datagram(1, 1, 400);
        for (uint32_t i = 1; i < 5; ++i) {
            bench.arrive(pieces[i], i);
        }
        bench.arrive(pieces[0], 0);
        CHECK(bench.taken() == "1:held 2:held 3:full 4:full 0:first 1:1 2:1");
    }
    SUBCASE("bytes") {
        Bench bench({.held_bytes = 1024});
        Say say{end("192.0.2.1:1"), end("198.51.100.10:53"), 17};
        say.payload.assign(2000, 'x');
        const auto pieces = split(make_ip(say), 504);  // 524 bytes: three blocks
        REQUIRE(pieces.size() == 4);
        bench.arrive(pieces[1], 1);
        CHECK(bench.fragments.held_bytes() == 768);
        bench.arrive(pieces[2], 2);
        bench.arrive(datagram(7, 7)[1], 7);
        bench.arrive(datagram(8, 8)[1], 8);
        CHECK(bench.taken() == "1:held 2:full 7:held 8:full");
        bench.arrive(pieces[0], 0);
        CHECK(bench.taken() == "0:first 1:1");
        CHECK(bench.fragments.held_bytes() == 256);
    }
    SUBCASE("a frame larger than any") {
        Bench bench;
        Bytes frame = datagram(1, 1)[1];
        const Packet packet = *parse_packet(frame, 0);
        frame.resize(70'000);
        CHECK_FALSE(bench.fragments.hold(packet, frame, 1, bench.now, bench.lost()));
        CHECK(bench.fragments.held_bytes() == 0);
        CHECK(bench.fragments.waiting() == 0);
    }
}

TEST_CASE("every byte that is held comes back, and every frame once") {
    Random random(41);
    Bench bench({.known = 16, .waiting = 8, .held_bytes = 8192, .held_each = 5});
    struct Held {
        Bytes bytes;
        bool out = false;
    };
    std::map<uint32_t, Held> held;
    uint32_t tag = 0, released = 0, lost = 0;
    const auto lose = [&](std::span<const uint8_t>, uint32_t which, Drop) {
        CHECK_FALSE(std::exchange(held.at(which).out, true));
        ++lost;
    };
    for (int i = 0; i < 30'000; ++i) {
        const auto id = random.below(40);
        const auto pieces =
            datagram(id, static_cast<uint16_t>(id), 100 + id * 30, random.chance(40));
        const Bytes& piece = pieces[random.below(static_cast<uint32_t>(pieces.size()))];
        const Packet packet = *parse_packet(piece, 0);
        bench.now += random.below(20'000);
        ++tag;
        if (packet.later_fragment()) {
            if (const auto* known = bench.fragments.find(packet)) {
                CHECK(known->source_port == id);
            } else {
                Bytes frame = piece;  // held with whatever is around it
                const Bytes more = random.bytes(random.below(1500));
                frame.insert(frame.end(), more.begin(), more.end());
                held[tag] = {frame};
                if (!bench.fragments.hold(packet, frame, tag, bench.now, lose)) {
                    held.erase(tag);
                }
            }
        } else {
            CHECK(bench.fragments.learn(packet, bench.now, lose));
            uint32_t last = 0;
            bench.fragments.release(
                fragment_key(packet), [&](std::span<uint8_t> bytes, uint32_t which) {
                    CHECK(which > last);  // in order of arrival
                    last = which;
                    CHECK(std::ranges::equal(bytes, held.at(which).bytes));
                    CHECK_FALSE(std::exchange(held.at(which).out, true));
                    CHECK(bench.fragments.find(*parse_packet(bytes, 0))->source_port == id);
                    ++released;
                });
        }
        if (random.chance(2)) {
            bench.fragments.expire(bench.now, lose);
        }
        CHECK(bench.fragments.known() <= 16);
        CHECK(bench.fragments.waiting() <= 8);
        CHECK(bench.fragments.held_bytes() <= 8192);
    }
    bench.fragments.expire(bench.now + 100 * second, lose);
    CHECK(released > 100);
    CHECK(lost > 100);
    CHECK(released + lost == held.size());
    CHECK(bench.fragments.known() + bench.fragments.waiting() + bench.fragments.held_bytes() == 0);
}

}  // namespace rehome::vipd::testing
