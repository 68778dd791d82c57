// STAMP packets and their time format; the stateless reflector's decisions.
#include <doctest/doctest.h>

#include <array>

#include "bytes.h"
#include "probe/core/reflection.h"

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

TEST_CASE("a reflector's answer repeats the request and is as long") {
    const Reflecting own{
        .received = 0x1111111122222222, .sent = 0x3333333344444444, .error = 0x0105, .ttl = 63};
    std::array<uint8_t, 100> room{};
    const auto padded = from_hex(request + "aabbcc");
    const auto size = construct_reply(padded, own, room);
    REQUIRE(size == 47u);
    CHECK(to_hex(ByteView(room).first(*size)) ==
          "00000007"
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
    CHECK_FALSE(construct_reply(padded, own, Room(room).first(46)).has_value());
    CHECK_FALSE(construct_reply(ByteView(padded).first(43), own, room).has_value());
}

TEST_CASE("what a reflector refuses") {
    const auto whole = from_hex(request);
    const struct {
        const char* what;
        Received received;
        Reflection reflection;
    } cases[] = {
        {"a request", {.message = whole, .source_port = 61000}, Reflection::answered},
        {"cut short",
         {.message = ByteView(whole).first(43), .source_port = 61000},
         Reflection::truncated},
        {"empty", {.message = {}, .source_port = 61000}, Reflection::truncated},
        {"longer than was kept",
         {.message = whole, .source_port = 61000, .cut = true},
         Reflection::truncated},
        {"from our own port", {.message = whole, .source_port = 8620}, Reflection::from_reflector},
        {"from STAMP's port", {.message = whole, .source_port = 862}, Reflection::from_reflector},
        {"from port 0", {.message = whole, .source_port = 0}, Reflection::from_reflector},
        {"to a broadcast address",
         {.message = whole, .source_port = 61000, .to_our_address = false},
         Reflection::not_to_us},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        Reflector reflector(8620, 1000, 1);
        CHECK(reflector.decide(c.received, 0) == c.reflection);
        CHECK(reflector.counters()[static_cast<size_t>(c.reflection)] == 1);
    }
}

TEST_CASE("the rate of answers is bounded: a burst of a tenth of a second, then the rate") {
    RateLimit limit(100);
    const auto taken = [&limit](Nanos now) {
        int count = 0;
        while (count < 1000 && limit.take(now)) {
            ++count;
        }
        return count;
    };
    CHECK(taken(5'000'000'000) == 10);
    CHECK(taken(5'000'000'000) == 0);
    CHECK(taken(5'050'000'000) == 5);
    CHECK(taken(9'000'000'000) == 10);
    CHECK(RateLimit(1).take(0));
}

}  // namespace
}  // namespace rehome::probe
