// How the servers of a service are checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/script.h"
#include "common/vipd_config/checker.h"

namespace rehome::vipd {

struct HealthConfig {
    // none: not checked, whatever the default is.
    enum class Kind : uint8_t { none, tcp, icmp, script, udp };
    // What becomes of a service's new flows while all its servers are down.
    enum class AllDown : uint8_t { keep, refuse, other_sites };

    Kind kind = Kind::tcp;
    uint32_t interval_ms = 2000;
    uint32_t jitter_percent = 10;  // of the interval, by which each pause may be shorter or longer
    uint32_t timeout_ms = 1000;    // of the whole check
    uint32_t rise = 2;             // so many that succeed, one after the other: up again
    uint32_t fall = 3;             // so many that fail: down
    uint16_t port = 0;             // 0: the one that clients reach on the server
    std::vector<ScriptStep> steps{};  // script, over TCP, and udp
    AllDown all_down = AllDown::keep;

    bool operator==(const HealthConfig&) const = default;
};

std::string_view name(HealthConfig::Kind kind);
std::string_view name(HealthConfig::AllDown all_down);

// Nothing where the view shows nothing.
std::optional<HealthConfig> read_health(const JsonView& view);
nlohmann::ordered_json to_json(const HealthConfig& health);
// at: the pointer of what health was read from.
void check_health(const HealthConfig& health, const std::string& at, Checker& check);

}  // namespace rehome::vipd
