// ISO 8601 by the C++20 calendar; the proleptic Gregorian calendar without leap seconds, as POSIX
// counts.
#include "common/clock.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

namespace rehome {

namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year;
using std::chrono::year_month_day;

int64_t read_clock(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
}

// Takes exactly count digits off the front.
std::optional<int> take_digits(std::string_view& text, size_t count) {
    const std::string_view digits = text.substr(0, count);
    if (digits.size() < count || digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    int value = 0;
    std::from_chars(digits.data(), digits.data() + count, value);
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

std::optional<sys_days> take_date(std::string_view& text) {
    const auto y = take_digits(text, 4);
    if (!y || !take(text, '-')) {
        return std::nullopt;
    }
    const auto m = take_digits(text, 2);
    if (!m || !take(text, '-')) {
        return std::nullopt;
    }
    const auto d = take_digits(text, 2);
    if (!d) {
        return std::nullopt;
    }
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                              day{static_cast<unsigned>(*d)}};
    return date.ok() ? std::optional(sys_days{date}) : std::nullopt;
}

std::optional<int64_t> take_seconds_of_day(std::string_view& text) {
    const auto h = take_digits(text, 2);
    if (!h || *h > 23 || !take(text, ':')) {
        return std::nullopt;
    }
    const auto m = take_digits(text, 2);
    if (!m || *m > 59 || !take(text, ':')) {
        return std::nullopt;
    }
    const auto s = take_digits(text, 2);
    if (!s || *s > 59) {
        return std::nullopt;
    }
    return (*h * 60 + *m) * 60 + *s;
}

// ".5" to ".123456"; none is zero.
std::optional<int64_t> take_fraction(std::string_view& text) {
    if (!take(text, '.')) {
        return 0;
    }
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits < 1 || digits > 6) {
        return std::nullopt;
    }
    int64_t value = *take_digits(text, digits);
    for (size_t i = digits; i < 6; ++i) {
        value *= 10;
    }
    return value;
}

std::optional<UnixMicros> parse_time(std::string_view text) {
    const auto date = take_date(text);
    if (!date || !take(text, 'T')) {
        return std::nullopt;
    }
    const auto seconds = take_seconds_of_day(text);
    const auto fraction = seconds ? take_fraction(text) : std::nullopt;
    if (!fraction || text != "Z") {
        return std::nullopt;
    }
    return microseconds(date->time_since_epoch()).count() + *seconds * 1'000'000 + *fraction;
}

}  // namespace

UnixMicros now_us() {
    return read_clock(CLOCK_REALTIME);
}

int64_t monotonic_us() {
    return read_clock(CLOCK_MONOTONIC);
}

std::string iso8601(UnixMicros time) {
    // Four digits of a year, and no more, fit the format.
    static const int64_t first = microseconds(sys_days{year{0} / 1 / 1}.time_since_epoch()).count();
    static const int64_t end =
        microseconds(sys_days{year{10000} / 1 / 1}.time_since_epoch()).count();
    const sys_time<microseconds> shown{microseconds(std::clamp(time, first, end - 1))};

    const auto midnight = std::chrono::floor<days>(shown);
    const year_month_day date{midnight};
    const std::chrono::hh_mm_ss clock{shown - midnight};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

Result<UnixMicros> parse_iso8601(std::string_view text) {
    if (const auto time = parse_time(text)) {
        return *time;
    }
    return fail(Exit::usage, "",
                in_quotes(text) + " is no time, expected one such as 2026-05-04T03:02:01.000123Z");
}

}  // namespace rehome
