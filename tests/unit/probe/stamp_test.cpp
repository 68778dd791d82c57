// STAMP packets in both modes, their extensions and time format; the reflector's decisions.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "bytes.h"
#include "probe/core/reflection.h"
#include "probe/core/stamp_extensions.h"
#include "probe/core/stamp_key.h"

namespace rehome::probe {
namespace {

TEST_CASE("NTP's format holds each nanosecond, across 2036") {
    CHECK(ntp_of(0) == 0x83aa7e80'00000000);
    CHECK(ntp_of(1'795'233'600'500'000'000) == 0xeeab95c0'80000000);
    for (const Nanos time :
         {Nanos{0}, Nanos{1}, Nanos{999'999'999}, Nanos{1'795'233'600'123'456'789},
          Nanos{2'085'978'495'999'999'999}, Nanos{2'085'978'496'000'000'001}, Nanos{-1}}) {
        CHECK(unix_of(ntp_of(time)) == time);
    }
}

TEST_CASE("error estimates: mantissa never zero, never less than the error") {
    const struct {
        Nanos error;
        bool synchronised;
        uint16_t estimate;
    } cases[] = {
        {1, false, 0x0005},                    // 5 * 2^-32 s = 1.16 ns
        {1, true, 0x8005},                     //
        {1'000, true, 0x8000 | 5 << 8 | 135},  // 135 * 2^-27 s = 1005.8 ns
        {1'000'000'000, false, 0x1981},        // 129 * 2^-7 s = 1.008 s
        {INT64_MAX, false, 0x1b81},            // held at 4 s
        {0, false, 0x0005},
    };
    for (const auto& c : cases) {
        CAPTURE(c.error);
        CHECK(error_estimate(c.error, c.synchronised) == c.estimate);
    }
}

const std::string request =
    "00000007"
    "eeab95c080000000"
    "8001" +
    std::string(60, '0');

const StampKey key(32, 0xa5);
const Reflecting own{.sequence = 5,
                     .received = 0x1111111122222222,
                     .sent = 0x3333333344444444,
                     .error = 0x0105,
                     .ttl = 63};

TEST_CASE("a reflector's answer repeats the request and is as long") {
    std::array<uint8_t, 100> room{};
    const auto padded = from_hex(request + "aabbcc");
    const size_t size = construct_reply(padded, own, {}, room);
    REQUIRE(size == 47);
    CHECK(to_hex(ByteView(room).first(size)) ==
          "00000005"
          "3333333344444444"
          "0105"
          "0000"
          "1111111122222222"
          "00000007"
          "eeab95c080000000"
          "8001"
          "0000"
          "3f000000"
          "aabbcc");
    const auto reply = deconstruct_reply(ByteView(room).first(size), {});
    REQUIRE(reply.has_value());
    CHECK(reply->sequence == 5);
    CHECK(reply->request.sequence == 7);
    CHECK(reply->ttl == 63);
    CHECK_FALSE(deconstruct_reply(ByteView(room).first(43), {}).has_value());
}

TEST_CASE("TWAMP Light's short requests get the base packet, and name no session") {
    std::array<uint8_t, 100> room{};
    room.fill(0xff);
    const auto shortest = from_hex(request.substr(0, 28));
    REQUIRE(shortest.size() == shortest_request);
    CHECK(construct_reply(shortest, {.sequence = 1, .sent = 2}, {}, room) == stamp_size);
    CHECK(to_hex(ByteView(room).first(stamp_size)) ==
          "0000000100000000000000020000" + std::string(20, '0') + "00000007eeab95c0800000008001" +
              std::string(12, '0'));
    const auto padded = from_hex(request.substr(0, 28) + std::string(54, 'f'));
    REQUIRE(padded.size() == 41);
    CHECK(deconstruct_request(padded, {})->session == 0);
    CHECK(deconstruct_request(ByteView(padded).first(13), {}).error() == Refusal::truncated);
}

TEST_CASE("authenticated mode: the fields' places, and the HMAC over the first 96 bytes") {
    std::array<uint8_t, authenticated_size> room{};
    const StampRequest asked{
        .sequence = 7, .sent = 0xeeab95c080000000, .error = 0x8001, .session = 9};
    CHECK(construct_request(asked, key, room) == authenticated_size);
    // The HMACs are Python's: hmac.digest(bytes([0xa5]) * 32, packet[:96], "sha256")[:16].
    const std::string front = "00000007" + std::string(24, '0') + "eeab95c08000000080010009";
    CHECK(to_hex(room) ==
          front + std::string(192 - front.size(), '0') + "76ab5dc83cc433a38a89fd1e7d68af13");
    const auto read = deconstruct_request(room, key);
    REQUIRE(read.has_value());
    CHECK(read->session == 9);

    std::array<uint8_t, authenticated_size> answer{};
    CHECK(construct_reply(room, own, key, answer) == authenticated_size);
    CHECK(to_hex(answer) == "00000005" + std::string(24, '0') + "333333334444444401050009" +
                                std::string(8, '0') + "1111111122222222" + std::string(16, '0') +
                                "00000007" + std::string(24, '0') + "eeab95c0800000008001" +
                                std::string(12, '0') + "3f" + std::string(30, '0') +
                                "d328e195d7918f42758106c999a1de09");
    CHECK(deconstruct_reply(answer, key)->request.sequence == 7);

    for (const size_t byte : {0u, 20u, 95u, 96u, 111u}) {
        CAPTURE(byte);
        auto damaged = answer;
        damaged.at(byte) ^= 1;
        CHECK(deconstruct_reply(damaged, key).error() == Refusal::unauthentic);
    }
    CHECK(deconstruct_request(ByteView(room).first(111), key).error() == Refusal::unauthentic);
    CHECK(deconstruct_request(room, StampKey(32, 0xa4)).error() == Refusal::unauthentic);
}

TEST_CASE("the key's file") {
    CHECK(parse_stamp_key(std::string(32, '0'))->size() == 16);
    CHECK(parse_stamp_key(std::string(64, 'f') + "\n") == StampKey(32, 0xff));
    CHECK(parse_stamp_key(std::string(128, 'A'))->size() == 64);
    for (const std::string& text :
         {std::string(), std::string(30, '0'), std::string(33, '0'), std::string(130, '0'),
          std::string(31, '0') + "g", std::string(32, '0') + "\n\n", " " + std::string(31, '0'),
          "0x" + std::string(30, '0')}) {
        CAPTURE(text);
        CHECK_FALSE(parse_stamp_key(text).has_value());
    }
}

// A request with its extensions, and what a reflector makes of it.
struct Exchange {
    Exchange(StampKey with, size_t size) : key(std::move(with)), packet(size), answer(size) {
        construct_request({.sequence = 7, .sent = 1, .error = 1, .session = 3}, key, packet);
        construct_extensions(key, packet);
    }
    void reflect(const StampKey& reflectors) {
        construct_reply(packet, {.sequence = 5, .received = 2, .sent = 3}, reflectors, answer);
        answer_extensions(packet, report, reflectors, answer);
    }
    StampKey key;
    std::vector<uint8_t> packet;
    std::vector<uint8_t> answer;
    SessionReport report{.stateful = true, .session = 0x01020304, .unreflected = 6};
};

TEST_CASE("extensions: the sender's question and the reflector's report") {
    Exchange plain({}, 64);
    CHECK(to_hex(ByteView(plain.packet).subspan(44)) ==
          "80fc000c524801000000000000000000"
          "80010000");
    plain.reflect({});
    CHECK(to_hex(ByteView(plain.answer).subspan(44)) ==
          "00fc000c524801030102030400000006"
          "00010000");
    CHECK(deconstruct_extensions(plain.answer, {}).report == plain.report);

    Exchange keyed(key, 150);
    keyed.reflect(key);
    CHECK(deconstruct_extensions(keyed.answer, key).report == keyed.report);
    keyed.answer[authenticated_size + 12] ^= 1;
    CHECK_FALSE(deconstruct_extensions(keyed.answer, key).report.has_value());

    // What does not fit its HMAC comes back as it was, but for the flag that says so.
    Exchange forged(key, 150);
    forged.packet[authenticated_size + 12] ^= 1;
    forged.reflect(key);
    CHECK(forged.answer[authenticated_size] == 0xa0);
    CHECK_FALSE(deconstruct_extensions(forged.answer, key).report.has_value());
}

TEST_CASE("extensions: what fits into a size") {
    for (const StampKey& of_mode : {StampKey{}, key}) {
        const size_t base = base_size(of_mode);
        for (size_t more = 0; more < 100; ++more) {
            CAPTURE(base + more);
            Exchange exchange(of_mode, base + more);
            exchange.reflect(of_mode);
            const bool told = deconstruct_extensions(exchange.answer, of_mode).report.has_value();
            CHECK(told == (more >= extensions_size(of_mode)));
        }
    }
}

TEST_CASE("extensions: what a reflector makes of others") {
    const struct {
        const char* what;
        const char* sent;
        const char* answered;
    } cases[] = {
        {"RFC 8762's padding", "0000000000000000", "0000000000000000"},
        {"a type that is not known", "00b00002abcd8001000100", "80b00002abcd0001000100"},
        {"cut short", "80010005abcd", "40010005abcd"},
        {"no header", "8001", "8001"},
        {"another version asks, and learns ours", "80fc000c524802000000000000000000",
         "00fc000c524801030102030400000006"},
        {"another's private type", "80fc000c524901000000000000000000",
         "80fc000c524901000000000000000000"},
        {"another length", "80fc000d52480100000000000000000000",
         "80fc000d52480100000000000000000000"},
        {"an HMAC, but we have no key", "0008001000000000000000000000000000000000",
         "8008001000000000000000000000000000000000"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const auto sent = from_hex(c.sent);
        Exchange exchange({}, stamp_size + sent.size());
        std::copy(sent.begin(), sent.end(), exchange.packet.begin() + stamp_size);
        exchange.reflect({});
        CHECK(to_hex(ByteView(exchange.answer).subspan(stamp_size)) == c.answered);
    }
}

TEST_CASE("extensions: a reflector that copies what it does not know, and one of a later version") {
    Exchange exchange({}, 60);
    CHECK_FALSE(deconstruct_extensions(exchange.packet, {}).report.has_value());
    CHECK_FALSE(deconstruct_extensions(exchange.packet, {}).other_version);
    exchange.reflect({});
    exchange.answer[stamp_size + 6] = 2;
    CHECK(deconstruct_extensions(exchange.answer, {}).other_version);
    CHECK_FALSE(deconstruct_extensions(exchange.answer, {}).report.has_value());
}

const Address client = *Address::parse("192.0.2.1");
const Address server = *Address::parse("192.0.2.2");

Received from(ByteView message, uint16_t port = 61000) {
    return {.message = message, .from = {client, port}, .to = server, .ttl = 64, .at = 1};
}

ReflectorAsked asked(double source_pps = 1e6) {
    return {.port = 8620,
            .most_pps = 1e6,
            .most_pps_a_source = source_pps,
            .error_estimate = 1,
            .secret = 1};
}

// What looks like an answer of a reflector that held the request for so long.
std::array<uint8_t, stamp_size> answer_held_for(Nanos held) {
    std::array<uint8_t, stamp_size> answer{};
    construct_reply(from_hex(request), {.received = ntp_of(5'000), .sent = ntp_of(5'000 + held)},
                    {}, answer);
    return answer;
}

TEST_CASE("what a reflector refuses") {
    const auto whole = from_hex(request);
    const auto answer = answer_held_for(900'000'000);
    const auto random_padding = answer_held_for(1'100'000'000);
    Received cut = from(whole);
    cut.cut = true;
    Received broadcast = from(whole);
    broadcast.to_our_address = false;
    const struct {
        const char* what;
        Received received;
        Reflection reflection;
    } cases[] = {
        {"a request", from(whole), Reflection::answered},
        {"a short one, of TWAMP Light", from(ByteView(whole).first(14)), Reflection::answered},
        {"cut short", from(ByteView(whole).first(13)), Reflection::truncated},
        {"empty", from({}), Reflection::truncated},
        {"longer than was kept", cut, Reflection::truncated},
        {"from our own port", from(whole, 8620), Reflection::from_reflector},
        {"from STAMP's port", from(whole, 862), Reflection::from_reflector},
        {"from port 0", from(whole, 0), Reflection::from_reflector},
        {"from echo", from(whole, 7), Reflection::from_reflector},
        {"from chargen", from(whole, 19), Reflection::from_reflector},
        {"from the last port of the system", from(whole, 1023), Reflection::from_reflector},
        {"from the first one behind them", from(whole, 1024), Reflection::answered},
        {"from SSDP", from(whole, 1900), Reflection::from_reflector},
        {"from memcached", from(whole, 11211), Reflection::from_reflector},
        {"another reflector's answer", from(answer), Reflection::from_reflector},
        {"padding where an answer has a time", from(random_padding), Reflection::answered},
        {"to a broadcast address", broadcast, Reflection::not_to_us},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        Reflector reflector(asked());
        CHECK(reflector.decide(c.received, 0) == c.reflection);
        CHECK(reflector.counters()[static_cast<size_t>(c.reflection)] == 1);
        CHECK(reflector.sessions() == (c.reflection == Reflection::answered ? 1 : 0));
    }
}

TEST_CASE("with a key, only what has the right HMAC is answered") {
    ReflectorAsked with_key = asked();
    with_key.key = key;
    Reflector reflector(with_key);
    std::array<uint8_t, authenticated_size> packet{};
    construct_request({.sequence = 1}, key, packet);
    CHECK(reflector.decide(from(packet), 0) == Reflection::answered);
    construct_request({.sequence = 1}, StampKey(32, 1), packet);
    CHECK(reflector.decide(from(packet), 0) == Reflection::bad_hmac);
    CHECK(reflector.decide(from(from_hex(request)), 0) == Reflection::bad_hmac);
    CHECK(reflector.decide(from(ByteView(packet).first(13)), 0) == Reflection::truncated);
}

// The number that stands in the next answer.
uint32_t next_number(Reflector& reflector, const Received& received) {
    std::array<uint8_t, 100> room{};
    REQUIRE(reflector.decide(received, 0) == Reflection::answered);
    const size_t size = reflector.construct(received, 1, room);
    return deconstruct_reply(ByteView(room).first(size), {})->sequence;
}

TEST_CASE("stateful: each session has its numbers, and what was not sent has none") {
    const auto packet = from_hex(request);
    auto other_session = packet;
    other_session[15] = 1;
    Reflector reflector(asked());
    CHECK(next_number(reflector, from(packet)) == 0);
    CHECK(next_number(reflector, from(packet)) == 1);
    CHECK(next_number(reflector, from(packet, 61001)) == 0);
    CHECK(next_number(reflector, from(other_session)) == 0);
    CHECK(next_number(reflector, from(packet)) == 2);
    reflector.count_send_failure();
    CHECK(next_number(reflector, from(packet)) == 2);
    CHECK(reflector.sessions() == 3);
    CHECK(reflector.counters()[static_cast<size_t>(Reflection::not_sent)] == 1);

    ReflectorAsked stateless = asked();
    stateless.stateful = false;
    Reflector repeats(stateless);
    CHECK(next_number(repeats, from(packet)) == 7);
    CHECK(next_number(repeats, from(packet)) == 7);
}

TEST_CASE("sessions are bounded: the longest idle one goes, and who is idle for too long") {
    Sessions sessions(2, 100, 1);
    const auto find = [&sessions](uint16_t port, Nanos now) -> Session& {
        return sessions.find({.from = {client, port}, .to = server}, now);
    };
    find(1, 0).next_sequence = 11;
    find(2, 1).next_sequence = 12;
    const uint32_t id = find(1, 2).id;
    CHECK(find(3, 3).next_sequence == 0);
    CHECK(sessions.size() == 2);
    CHECK(find(1, 4).next_sequence == 11);
    CHECK(find(2, 5).next_sequence == 0);  // which had gone
    CHECK(find(1, 104).next_sequence == 11);
    CHECK(find(1, 205).next_sequence == 0);
    CHECK(find(1, 206).id != id);
    CHECK(sessions.size() == 1);
}

int taken(const RateLimit& limit, RateLimit::Bucket& bucket, Nanos now) {
    int count = 0;
    while (count < 1000 && limit.take(bucket, 1, now)) {
        ++count;
    }
    return count;
}

TEST_CASE("the rate of answers is bounded: a burst of a tenth of a second, then the rate") {
    const RateLimit limit(100);
    RateLimit::Bucket bucket;
    CHECK(taken(limit, bucket, 5'000'000'000) == 10);
    CHECK(taken(limit, bucket, 5'000'000'000) == 0);
    CHECK(taken(limit, bucket, 5'050'000'000) == 5);
    CHECK(taken(limit, bucket, 9'000'000'000) == 10);
    RateLimit::Bucket slow;
    CHECK(taken(RateLimit(1), slow, 0) == 2);
}

TEST_CASE("each source has its own limit; of IPv6 a /64 is one source") {
    SourceLimits limits(100, 65'536, 1);
    const auto burst = [&limits](const char* source) {
        int count = 0;
        while (limits.take(*Address::parse(source), 1, 0)) {
            ++count;
        }
        return count;
    };
    CHECK(burst("192.0.2.1") == 10);
    CHECK(burst("192.0.2.1") == 0);
    CHECK(burst("192.0.2.2") == 10);
    CHECK(burst("2001:db8::1") == 10);
    CHECK(burst("2001:db8::ffff:1") == 0);
    CHECK(burst("2001:db8:0:1::1") == 10);
}

TEST_CASE("what is over the rate is told in the next answer, and a short request counts twice") {
    const Exchange exchange({}, 60);
    const Received received = from(exchange.packet);
    Reflector reflector(asked(100));
    for (int i = 0; i < 10; ++i) {
        CHECK(reflector.decide(received, 0) == Reflection::answered);
    }
    CHECK(reflector.decide(received, 0) == Reflection::over_source_rate);
    CHECK(reflector.decide(received, 0) == Reflection::over_source_rate);
    REQUIRE(reflector.decide(received, 10'000'000) == Reflection::answered);
    std::vector<uint8_t> answer(60);
    reflector.construct(received, 1, answer);
    CHECK(deconstruct_extensions(answer, {}).report->unreflected == 2);

    Reflector of_short(asked(100));
    int answered = 0;
    while (of_short.decide(from(ByteView(exchange.packet).first(20)), 0) == Reflection::answered) {
        ++answered;
    }
    CHECK(answered == 5);
}

}  // namespace
}  // namespace rehome::probe
