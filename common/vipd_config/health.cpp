#include "common/vipd_config/health.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace rehome::vipd {

namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kinds{"none", "tcp", "icmp", "script", "udp"};
constexpr std::array<std::string_view, 3> all_downs{"keep", "refuse", "other_sites"};

template <typename Value, size_t count>
Value named(const std::array<std::string_view, count>& names, const std::string& text,
            Value fallback) {
    const auto found = std::find(names.begin(), names.end(), text);
    return found == names.end() ? fallback : static_cast<Value>(found - names.begin());
}

bool has_steps(HealthConfig::Kind kind) {
    return kind == HealthConfig::Kind::script || kind == HealthConfig::Kind::udp;
}

}  // namespace

std::string_view name(HealthConfig::Kind kind) {
    return kinds[static_cast<size_t>(kind)];
}

std::string_view name(HealthConfig::AllDown all_down) {
    return all_downs[static_cast<size_t>(all_down)];
}

std::optional<HealthConfig> read_health(const JsonView& view) {
    if (!view.exists()) {
        return std::nullopt;
    }
    HealthConfig health;
    health.kind = named(kinds, view["kind"].text(), health.kind);
    health.interval_ms = view["interval_ms"].number(health.interval_ms);
    health.jitter_percent = view["jitter_percent"].number(health.jitter_percent);
    // Of a short interval no more than there is.
    health.timeout_ms = view["timeout_ms"].number(std::min(health.timeout_ms, health.interval_ms));
    health.rise = view["rise"].number(health.rise);
    health.fall = view["fall"].number(health.fall);
    health.port = static_cast<uint16_t>(view["port"].number());
    for (const JsonView& step : view["script"].items()) {
        health.steps.push_back(read_step(step));
    }
    health.all_down = named(all_downs, view["all_down"].text(), health.all_down);
    return health;
}

ordered_json to_json(const HealthConfig& health) {
    ordered_json object = {{"kind", name(health.kind)}};
    if (health.kind == HealthConfig::Kind::none) {
        return object;
    }
    object["interval_ms"] = health.interval_ms;
    object["jitter_percent"] = health.jitter_percent;
    object["timeout_ms"] = health.timeout_ms;
    object["rise"] = health.rise;
    object["fall"] = health.fall;
    object["all_down"] = name(health.all_down);
    if (health.port != 0) {
        object["port"] = health.port;
    }
    for (const ScriptStep& step : health.steps) {
        const bool sends = step.kind == ScriptStep::Kind::send;
        object["script"].push_back({{sends ? "send" : "expect", pieces_of(step.bytes)}});
    }
    return object;
}

void check_health(const HealthConfig& health, const std::string& at, Checker& check) {
    const auto wrong = [&](const char* key, const std::string& what) {
        check.wrong_at(pointer_to(at, key), what);
    };
    if (health.timeout_ms > health.interval_ms) {
        wrong("timeout_ms", fmt::format("{} ms are longer than the interval of {} ms, expected at "
                                        "most that, so that no two checks of a server meet",
                                        health.timeout_ms, health.interval_ms));
    }
    const auto& steps = health.steps;
    if (has_steps(health.kind) == steps.empty()) {
        wrong("script",
              fmt::format("is {} with \"{}\", expected {}", steps.empty() ? "missing" : "given",
                          name(health.kind), steps.empty() ? "one" : "none"));
        return;
    }
    const auto expects = [](const ScriptStep& step) {
        return step.kind == ScriptStep::Kind::expect;
    };
    if (!steps.empty() && std::none_of(steps.begin(), steps.end(), expects)) {
        wrong("script", "expects nothing, expected some bytes that show that the server is well");
    }
    if (health.kind == HealthConfig::Kind::udp && !steps.empty() && expects(steps.front())) {
        wrong("script",
              "begins with what a server sends, expected something to send first: a "
              "datagram is answered");
    }
    if (health.kind == HealthConfig::Kind::icmp && health.port != 0) {
        wrong("port", "is given with \"icmp\", which has none, expected none");
    }
}

}  // namespace rehome::vipd
