// How key epochs are agreed on: whoever restarts, whatever is lost, late, or sent again.
#include "vipd/state/agreement.h"

#include <doctest/doctest.h>

#include <deque>

#include "tests/unit/vipd/packets.h"
#include "vipd/state/keyring_text.h"
#include "vipd/state/peer_keys.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros s = 1'000'000, ms = 1'000;

// Two gateways and what is under way between them.  Each speaks ten times a second.
class Pair {
public:
    struct End {
        Agreement agreement;
        std::deque<std::pair<Micros, Handshake>> comes;  // by when
        std::vector<Handshake> said;                     // all of it: an eavesdropper's
    };

    explicit Pair(Micros delay = 0) : delay_(delay) {
        restart(0);
        restart(1);
    }

    void restart(size_t end) {
        ends[end] = {};
        ends[end].agreement.begin(draw());
    }
    void pass(Micros time) {
        for (const Micros until = now + time; now < until; now += 10 * ms) {
            for (size_t i = 0; i < 2; ++i) {
                step(ends[i], ends[1 - i]);
            }
        }
    }
    // Both have the same epoch, verify by it and sign by it.
    bool agreed() const {
        const auto &a = ends[0].agreement.current(), &b = ends[1].agreement.current();
        return a && b && a->own == b->theirs && a->theirs == b->own &&
               ends[0].agreement.signs_by() == a && ends[1].agreement.signs_by() == b;
    }
    Agreement::Draw draw() {
        return [this] { return ++drawn_; };
    }

    std::array<End, 2> ends;
    Micros now = 1000 * s;
    uint32_t lost_percent = 0;

private:
    void step(End& own, End& other) {
        own.agreement.pass(draw(), now);
        while (!own.comes.empty() && own.comes.front().first <= now) {
            own.agreement.hear(own.comes.front().second, draw(), now);
            own.comes.pop_front();
        }
        own.agreement.acts_on(own.agreement.current());
        own.agreement.begin(draw());
        if (now % (100 * ms) == 0) {
            own.said.push_back(own.agreement.says(1));
            if (!random_.chance(lost_percent)) {
                other.comes.emplace_back(now + delay_, own.said.back());
            }
        }
    }

    Micros delay_;
    uint64_t drawn_ = 100;
    Random random_{5};
};

const FileKey one{1, {1, 2, 3}}, two{2, {4, 5, 6}};
const TunnelPair here{ip("10.99.0.1"), ip("10.99.0.2")}, there{ip("10.99.0.2"), ip("10.99.0.1")};

}  // namespace

TEST_CASE("two that begin agree, however long the way is") {
    for (const Micros delay : {0 * ms, 10 * ms, 150 * ms, 600 * ms}) {
        CAPTURE(delay);
        Pair pair(delay);
        pair.pass(600 * ms + 6 * delay);
        CHECK(pair.agreed());
        const auto epoch = pair.ends[0].agreement.current();
        pair.pass(100 * s);
        CHECK(pair.agreed());
        CHECK(pair.ends[0].agreement.current() == epoch);  // what is late brings nothing anew
        CHECK_FALSE(pair.ends[0].agreement.previous());
    }
}

TEST_CASE("they agree over a link that loses most") {
    Pair pair(20 * ms);
    pair.lost_percent = 70;
    pair.pass(20 * s);
    CHECK(pair.agreed());
}

TEST_CASE("who restarts agrees again, on an epoch that was not there before") {
    Pair pair(10 * ms);
    pair.pass(5 * s);
    std::vector<KeyEpoch> seen;
    for (const int who : {0, 1, 2, 0, 2, 1}) {  // 2: both
        REQUIRE(pair.agreed());
        seen.push_back(*pair.ends[0].agreement.current());
        for (const size_t end : {size_t{0}, size_t{1}}) {
            if (who == 2 || who == static_cast<int>(end)) {
                pair.restart(end);
            }
        }
        CHECK_FALSE(pair.agreed());
        pair.pass(600 * ms);
        CHECK(pair.agreed());
        CHECK(std::find(seen.begin(), seen.end(), *pair.ends[0].agreement.current()) == seen.end());
        pair.pass(3 * s);
    }
}

TEST_CASE("a recorded handshake never brings back an epoch, and ends none") {
    Pair pair;
    pair.pass(3 * s);
    std::vector<Handshake> recorded = pair.ends[1].said;
    pair.restart(1);
    pair.pass(3 * s + Agreement::overlap);
    recorded.insert(recorded.end(), pair.ends[1].said.begin(), pair.ends[1].said.end());
    const KeyEpoch before = *pair.ends[0].agreement.current();
    for (const Handshake& again : recorded) {
        const auto signs_by = pair.ends[0].agreement.signs_by();
        pair.ends[0].agreement.hear(again, pair.draw(), pair.now);
        CHECK(pair.ends[0].agreement.current() == before);
        CHECK(pair.ends[0].agreement.signs_by() == signs_by);
        CHECK_FALSE(pair.ends[0].agreement.previous());
    }
    pair.pass(1 * s);
    CHECK(pair.agreed());
    const KeyEpoch after = *pair.ends[0].agreement.current();
    CHECK(after.own != before.own);  // both drew anew
    for (const Handshake& again : recorded) {
        pair.ends[0].agreement.hear(again, pair.draw(), pair.now);
    }
    pair.pass(500 * ms);
    CHECK(pair.ends[0].agreement.current() == after);  // not again for 2 s
}

TEST_CASE("an epoch is signed by once the peer verifies by it, and the one before stays a while") {
    uint64_t drawn = 0;
    const Agreement::Draw draw = [&] { return ++drawn; };
    Agreement own;
    CHECK(own.begin(draw));
    CHECK_FALSE(own.begin(draw));
    CHECK(own.says(7) == Handshake{7, false, 1, 0});
    CHECK(own.hear({7, false, 50, 0}, draw, 10 * s));
    CHECK(own.says(7) == Handshake{7, false, 1, 50});
    CHECK_FALSE(own.hear({7, false, 50, 99}, draw, 10 * s));
    CHECK(own.hear({7, false, 50, 1}, draw, 10 * s));
    CHECK(own.current() == KeyEpoch{1, 50});
    CHECK_FALSE(own.signs_by());
    CHECK_FALSE(own.says(7).ready);
    CHECK(own.acts_on(KeyEpoch{1, 50}));
    CHECK_FALSE(own.acts_on(KeyEpoch{1, 50}));
    CHECK(own.says(7) == Handshake{7, true, 1, 50});
    CHECK(own.hear({7, true, 50, 1}, draw, 10 * s));
    CHECK(own.signs_by() == KeyEpoch{1, 50});

    CHECK_FALSE(own.hear({7, false, 51, 0}, draw, 11 * s));  // too early
    CHECK(own.hear({7, false, 51, 0}, draw, 12 * s));
    CHECK(own.says(7) == Handshake{7, false, 2, 51});
    CHECK(own.current() == KeyEpoch{1, 50});
    CHECK(own.hear({7, false, 51, 2}, draw, 13 * s));
    CHECK(own.current() == KeyEpoch{2, 51});
    CHECK(own.previous() == KeyEpoch{1, 50});
    CHECK(own.signs_by() == KeyEpoch{1, 50});
    CHECK(own.next_event() == 13 * s + Agreement::overlap);
    CHECK_FALSE(own.pass(draw, 22 * s));
    CHECK(own.pass(draw, 23 * s));
    CHECK_FALSE(own.previous());
    CHECK(own.next_event() == 13 * s + Agreement::lasts);
    CHECK(own.pass(draw, 13 * s + Agreement::lasts));
    CHECK(own.says(7).own == 3);

    CHECK(own.end());
    CHECK_FALSE(own.end());
    CHECK_FALSE(own.current());
    CHECK_FALSE(own.signs_by());
}

TEST_CASE("both renew the epoch after an hour, and never lose it meanwhile") {
    Pair pair(30 * ms);
    pair.pass(3 * s);
    const KeyEpoch first = *pair.ends[0].agreement.current();
    pair.now += Agreement::lasts - 10 * s;
    pair.now -= pair.now % (100 * ms);
    for (int i = 0; i < 200; ++i) {
        pair.pass(100 * ms);
        REQUIRE(pair.ends[0].agreement.signs_by());
        // What one signs by, the other verifies by.
        for (size_t end = 0; end < 2; ++end) {
            const KeyEpoch by = *pair.ends[end].agreement.signs_by();
            const KeyEpoch there_it_is{by.theirs, by.own};
            const Agreement& other = pair.ends[1 - end].agreement;
            REQUIRE((other.current() == there_it_is || other.previous() == there_it_is));
        }
    }
    CHECK(pair.agreed());
    CHECK(*pair.ends[0].agreement.current() != first);
}

TEST_CASE("handshakes are known by their signature alone") {
    const Handshake said{1, true, 77, 88};
    const Bytes bytes = encode(said, handshake_signing_key(one, here));
    Agreement none;
    const auto keys = make_peer_keys({{one, two}}, there, none, false);
    CHECK(decode_handshake(bytes) == said);
    CHECK(keys->signed_by_peer(bytes));
    CHECK(keys->says.empty());
    CHECK_FALSE(make_peer_keys({{two}}, there, none, false)->signed_by_peer(bytes));
    // Nor does the one who said it take it for its peer's.
    CHECK_FALSE(make_peer_keys({{one}}, here, none, false)->signed_by_peer(bytes));
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        Bytes flipped = bytes;
        flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
        CHECK_FALSE(keys->signed_by_peer(flipped));
    }
    for (size_t length = 0; length < bytes.size(); ++length) {
        CHECK_FALSE(decode_handshake(std::span(bytes).first(length)));
        CHECK_FALSE(keys->signed_by_peer(std::span(bytes).first(length)));
    }
    CHECK_FALSE(decode_handshake(encode({1, true, 0, 88}, {})));  // nobody draws 0
}

TEST_CASE("every direction, epoch and key has keys of its own, which both ends derive") {
    const KeyEpoch epoch{5, 6}, mirrored{6, 5};
    const auto signs = signing_keys(one, here, epoch);
    const auto verifies = verifying_keys(one, there, mirrored);
    CHECK(signs.keys == verifies.keys);
    CHECK(signs.epoch == verifies.epoch);
    CHECK(signs.key_id == 1);
    CHECK_FALSE(signs.keys.packets == signs.keys.control);
    const EpochKeys others[] = {signing_keys(two, here, epoch), signing_keys(one, there, epoch),
                                signing_keys(one, here, mirrored), signing_keys(one, here, {5, 7}),
                                verifying_keys(one, here, epoch)};
    for (const EpochKeys& other : others) {
        CHECK_FALSE(other.keys.packets == signs.keys.packets);
        CHECK_FALSE(other.keys.control == signs.keys.control);
    }
}

TEST_CASE("the key file: what is taken") {
    const std::string digits(64, 'a');
    const auto ring = parse_keyring(
        "k", R"({"schema": "rehome/vipd-keys/1", "keys": [{"id": 7, "secret": ")" +
                 std::string(62, '0') + R"(fF"}, {"id": 1, "secret": ")" + digits + R"("}]})");
    REQUIRE(ring);
    REQUIRE(ring->keys.size() == 2);
    CHECK(ring->keys[0].id == 7);
    CHECK(ring->keys[0].secret[0] == 0);
    CHECK(ring->keys[0].secret[31] == 255);
    CHECK(ring->keys[1].secret[5] == 0xaa);
}

TEST_CASE("the key file: what is refused, without a word of any secret") {
    const std::string secret = std::string(60, 'c') + "0123";
    struct Row {
        std::string keys, mistake;
    };
    const auto key = [](const std::string& id, const std::string& digits) {
        return R"({"id": )" + id + R"(, "secret": ")" + digits + R"("})";
    };
    const Row rows[] = {
        {"", "k: /keys: is a list of 0 items, expected a list of 1 to 2 items"},
        {key("1", secret) + "," + key("2", secret) + "," + key("3", secret), "k: /keys: "},
        {key("0", secret), "k: /keys/0/id: "},
        {key("256", secret), "k: /keys/0/id: "},
        {key("1", secret) + "," + key("1", secret), "k: /keys/1/id: is another key's"},
        {key("1", ""), "k: /keys/0/secret: is not told here, expected 64 hexadecimal digits"},
        {key("1", secret + "0"), "k: /keys/0/secret: "},
        {key("1", secret.substr(1)), "k: /keys/0/secret: "},
        {key("1", secret.substr(1) + "g"), "k: /keys/0/secret: "},
        {key("1", secret.substr(2) + "+1"), "k: /keys/0/secret: "},
        {key("1", secret.substr(2) + "0x"), "k: /keys/0/secret: "},
        {R"({"id": 1})", "k: /keys/0/secret: is missing"},
        {R"({"secret": ")" + secret + R"("})", "k: /keys/0/id: is missing"},
        {R"({"id": 1, "secret": ")" + secret + R"(", "note": ""})", "k: /keys/0/note: unknown key"},
    };
    for (const Row& row : rows) {
        const auto ring =
            parse_keyring("k", R"({"schema": "rehome/vipd-keys/1", "keys": [)" + row.keys + "]}");
        INFO(row.mistake);
        REQUIRE_FALSE(ring);
        CHECK(ring.error().front().text().starts_with(row.mistake));
        for (const Error& error : ring.error()) {
            CHECK(error.text().find("ccccc") == std::string::npos);
        }
    }
}

}  // namespace rehome::vipd::testing
