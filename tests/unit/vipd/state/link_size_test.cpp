// How the size of a link is found: on links of all sizes, that lose packets, and that change.
#include "vipd/state/link_size.h"

#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "tests/unit/vipd/packets.h"

namespace rehome::vipd {

namespace {

constexpr Micros ms = 1'000;

// A link that carries so much, takes so long there and back, and loses some.
class Line {
public:
    Line() = default;
    explicit Line(Family of, uint32_t bytes, Micros takes = 20 * ms, double loses_share = 0)
        : outer(of), carries(bytes), round_trip(takes), loses(loses_share) {}

    Family outer = Family::v4;
    uint32_t carries = 9000;
    Micros round_trip = 20 * ms;
    double loses = 0;

    LinkSize size{outer, false, 77};
    Micros now = 5'000'000;
    unsigned sent = 0;
    uint64_t sent_bytes = 0;
    uint16_t least_seen = UINT16_MAX;  // of what was said to pass

    void pass(Micros time) {
        for (const Micros until = now + time; now < until; now += 10 * ms) {
            for (; !answers_.empty() && answers_.front().at <= now; answers_.pop_front()) {
                size.answered(answers_.front().answer, now);
            }
            if (const auto probe = size.due(now)) {
                send(*probe);
            }
            CHECK(size.next() > now);
            CHECK(size.next() <= now + 1'000'000);
            least_seen = size.passes() == 0 ? least_seen : std::min(least_seen, size.passes());
        }
    }

private:
    struct Answer {
        Micros at;
        LinkProbe answer;
    };

    void send(LinkProbe probe) {
        ++sent;
        sent_bytes += probe.size;
        if (probe.size <= carries && chance_(random_) >= loses) {
            probe.answer = true;
            answers_.push_back({now + round_trip, probe});
        }
    }

    std::deque<Answer> answers_;
    std::mt19937 random_{42};
    std::uniform_real_distribution<> chance_{0, 1};
};

}  // namespace

TEST_CASE("the size that passes is found, whatever it is, within some seconds") {
    struct Row {
        Family outer;
        uint32_t carries;
        uint16_t found;
    };
    const Row rows[] = {
        {Family::v4, 9000, 1540}, {Family::v4, 1540, 1540}, {Family::v4, 1539, 1536},
        {Family::v4, 1500, 1500}, {Family::v4, 1492, 1492}, {Family::v4, 1400, 1400},
        {Family::v4, 1280, 1280}, {Family::v4, 577, 576},   {Family::v4, 576, 576},
        {Family::v4, 100, 576},  // which is taken to pass
        {Family::v6, 9000, 1560}, {Family::v6, 1559, 1556}, {Family::v6, 1500, 1500},
        {Family::v6, 1280, 1280}, {Family::v6, 900, 1280},
    };
    for (const Row& row : rows) {
        for (const Micros round_trip : {Micros{0}, 20 * ms, 600 * ms}) {
            CAPTURE(row.carries);
            CAPTURE(round_trip);
            Line line(row.outer, row.carries, round_trip);
            CHECK(line.size.passes() == 0);
            line.pass(15'000'000);
            CHECK(line.size.passes() == row.found);
        }
    }
}

TEST_CASE("a link that becomes narrow is noticed, and so is its end") {
    Line line;
    line.pass(10'000'000);
    CHECK(line.size.passes() == 1540);
    CHECK(line.sent <= 11);  // one a second
    line.carries = 1500;
    line.pass(5'000'000);
    CHECK(line.size.passes() == 1500);
    line.carries = 1400;
    line.pass(5'000'000);
    CHECK(line.size.passes() == 1400);
    line.carries = 1480;  // wider, not whole
    line.pass(15'000'000);
    CHECK(line.size.passes() == 1480);
    line.carries = 9000;
    line.pass(2'000'000);
    CHECK(line.size.passes() == 1540);
    line.sent = 0;
    line.pass(10'000'000);
    CHECK(line.sent <= 11);
}

TEST_CASE("what is asked is bounded, however little passes") {
    Line line(Family::v4, 100);
    line.pass(100'000'000);
    CHECK(line.sent <= 100 * 20);
    CHECK(line.sent_bytes <= 100 * 20 * 1540);
}

TEST_CASE("a link that loses one packet in five is not taken for a narrow one") {
    Line line(Family::v4, 9000, 20 * ms, 0.2);
    line.pass(600'000'000);
    CHECK(line.least_seen == 1540);
}

TEST_CASE("while the peer is down nothing is learned, and it is asked at once when it is back") {
    Line line;
    line.pass(3'000'000);
    line.carries = 0;
    for (int i = 0; i < 100; ++i) {
        line.size.pause();
        line.now += 100 * ms;
    }
    CHECK(line.size.passes() == 1540);
    line.carries = 1500;
    line.pass(4'000'000);
    CHECK(line.size.passes() == 1500);
}

TEST_CASE("answers to what was not asked count for nothing") {
    LinkSize size(Family::v4, false, 7);
    const LinkProbe asked = *size.due(1'000'000);
    CHECK(asked.size == 1540);
    for (const LinkProbe& other : {LinkProbe{asked.id + 1, asked.size, true},
                                   LinkProbe{asked.id, 1539, true}, LinkProbe{0, 0, true}}) {
        size.answered(other, 1'001'000);
        CHECK(size.passes() == 0);
    }
    size.answered({asked.id, asked.size, true}, 1'001'000);
    CHECK(size.passes() == 1540);
    size.answered({asked.id, asked.size, true}, 1'001'000);  // twice
    CHECK(size.passes() == 1540);
}

TEST_CASE("a probe is as long as it says, an answer as short as can be") {
    for (const uint16_t size : {uint16_t{48}, uint16_t{576}, uint16_t{1540}}) {
        const LinkProbe probe{0x01020304, size, false};
        auto bytes = encode(probe, 32);
        CHECK(bytes.size() == size - 32U);
        CHECK(decode_link_probe(bytes, 32) == probe);
        CHECK_FALSE(decode_link_probe(bytes, 31));
        bytes.push_back(0);
        CHECK_FALSE(decode_link_probe(bytes, 32));
        const LinkProbe answer{0x01020304, size, true};
        CHECK(encode(answer, 32).size() == link_probe_bytes);
        CHECK(decode_link_probe(encode(answer, 32), 32) == answer);
    }
    const testing::Bytes bytes = encode(LinkProbe{1, 1540, true}, 32);
    for (size_t length = 0; length < bytes.size(); ++length) {
        CHECK_FALSE(decode_link_probe(std::span(bytes).first(length), 32));
    }
    testing::Bytes other = bytes;
    other[0] = 2;
    CHECK_FALSE(decode_link_probe(other, 32));
}

}  // namespace rehome::vipd
