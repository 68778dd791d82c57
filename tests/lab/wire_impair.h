// What a wire does to packets: a pure model, no I/O and no clock.
//
// One Impairer serves one direction.  Each packet draws the same count of random numbers whatever
// the settings are, so the same seed and the same packets meet the same fate, and a changed setting
// does not shift the fates of what follows.  Packets of a flow keep their order under jitter; only
// those picked for reordering are overtaken.  Not thread-safe.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome::lab {

// Of one direction; probabilities are 0..1.
struct Impairment {
    int64_t delay_ns = 0;
    int64_t jitter_ns = 0;     // uniform around the delay
    double loss = 0;           // each packet for itself
    double burst = 0;          // Gilbert-Elliott: from the good state into the bad one
    double burst_length = 10;  // packets that the bad state lasts, on average
    double burst_loss = 1;     // in the bad state
    double duplicate = 0;
    double reorder = 0;
    int64_t reorder_by_ns = 5'000'000;  // how much longer such a packet is held
};

enum class Cause : uint8_t { none, loss, burst, overflow };

struct Fate {
    Cause lost = Cause::none;
    bool duplicated = false;
    bool reordered = false;
    int64_t release_ns = 0;
};

class Impairer {
public:
    explicit Impairer(uint64_t seed) : state_(seed) {}

    // A packet that comes in at this time.  flow: any hash of what its order matters to;
    // only_delay: for what its sender would not repeat (ARP).
    Fate decide(const Impairment& with, int64_t now_ns, uint32_t flow, bool only_delay) {
        std::array<double, 6> draw{};
        for (double& number : draw) {
            number = uniform();
        }
        in_burst_ = in_burst_ ? draw[0] * with.burst_length >= 1 : draw[0] < with.burst;
        const auto jitter =
            static_cast<int64_t>((2 * draw[1] - 1) * static_cast<double>(with.jitter_ns));
        Fate fate;
        int64_t& last_ns = last_ns_[flow % last_ns_.size()];
        last_ns = std::max(last_ns, now_ns + std::max<int64_t>(0, with.delay_ns + jitter));
        fate.release_ns = last_ns;
        if (only_delay) {
            return fate;
        }
        if (in_burst_ && draw[2] < with.burst_loss) {
            fate.lost = Cause::burst;
        } else if (draw[3] < with.loss) {
            fate.lost = Cause::loss;
        }
        fate.duplicated = draw[4] < with.duplicate;
        fate.reordered = draw[5] < with.reorder;
        fate.release_ns += fate.reordered ? with.reorder_by_ns : 0;
        return fate;
    }

private:
    // SplitMix64 (Steele, Lea, Flood 2014); 53 bits become a number below 1.
    double uniform() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
    }

    uint64_t state_;
    bool in_burst_ = false;
    std::array<int64_t, 4096> last_ns_{};  // the release of a flow's packet before
};

// Up is from the clients to the carrier.
using Impairments = std::array<Impairment, 2>;
inline constexpr std::array<std::string_view, 2> direction_names{"up", "down"};

// "15ms", "200us", "1.5s"
inline Result<int64_t> parse_duration_ns(std::string_view text) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    const double scale = unit == "us" ? 1e3 : unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 0;
    if (code != std::errc{} || scale == 0 || !(value >= 0 && value * scale <= 60e9)) {
        return fail(Exit::usage, "", fmt::format("{}: expected 0 to 60 s, as 15ms or 200us", text));
    }
    return static_cast<int64_t>(value * scale);
}

// "0.5%" or "0.005"
inline Result<double> parse_probability(std::string_view text) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    value /= unit == "%" ? 100 : 1;
    if (code != std::errc{} || !(unit.empty() || unit == "%") || !(value >= 0 && value <= 1)) {
        return fail(Exit::usage, "",
                    fmt::format("{}: expected a probability, as 0.5% or 0.005", text));
    }
    return value;
}

inline Result<double> parse_length(std::string_view text) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || !(value >= 1 && value <= 1e6)) {
        return fail(Exit::usage, "", fmt::format("{}: expected a length of 1 to 1000000", text));
    }
    return value;
}

namespace detail {

template <typename Value>
Result<> store(Result<Value> parsed, Value& to) {
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    to = *parsed;
    return {};
}

inline Result<> set_one(Impairment& of, std::string_view name, std::string_view value) {
    if (name == "delay") return store(parse_duration_ns(value), of.delay_ns);
    if (name == "jitter") return store(parse_duration_ns(value), of.jitter_ns);
    if (name == "reorder-by") return store(parse_duration_ns(value), of.reorder_by_ns);
    if (name == "loss") return store(parse_probability(value), of.loss);
    if (name == "burst") return store(parse_probability(value), of.burst);
    if (name == "burst-length") return store(parse_length(value), of.burst_length);
    if (name == "burst-loss") return store(parse_probability(value), of.burst_loss);
    if (name == "duplicate") return store(parse_probability(value), of.duplicate);
    if (name == "reorder") return store(parse_probability(value), of.reorder);
    return fail(Exit::usage, "",
                fmt::format("unknown setting {}: expected delay, jitter, loss, burst, "
                            "burst-length, burst-loss, duplicate, reorder or reorder-by",
                            name));
}

}  // namespace detail

// "loss=1%" for both directions, "up.loss=1%" for one.  All settings, or none when one is wrong.
inline Result<> apply_settings(Impairments& to, const std::vector<std::string>& settings) {
    Impairments changed = to;
    for (const std::string& setting : settings) {
        const size_t equals = setting.find('=');
        std::string_view name = std::string_view(setting).substr(0, equals);
        if (equals == std::string::npos) {
            return fail(Exit::usage, setting, "expected NAME=VALUE");
        }
        const size_t dot = name.find('.');
        const auto only = dot == std::string_view::npos ? std::string_view{} : name.substr(0, dot);
        if (!only.empty() && only != direction_names[0] && only != direction_names[1]) {
            return fail(Exit::usage, setting, "expected the direction up or down");
        }
        name.remove_prefix(only.empty() ? 0 : dot + 1);
        for (size_t i = 0; i < changed.size(); ++i) {
            if (!only.empty() && only != direction_names[i]) continue;
            const auto set = detail::set_one(changed[i], name, setting.substr(equals + 1));
            if (!set) return fail(Exit::usage, setting, set.error().what);
        }
    }
    to = changed;
    return {};
}

}  // namespace rehome::lab
