// What the operator disables, and how: one grammar for servers, services, lines and sites.
//
//   mask    new flows go elsewhere, existing ones stay
//   weak    and existing ones are ended, so many a second, both ends told
//   strong  and what is left of it is dropped at once, nobody told
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "vipd/state/said.h"

namespace rehome::vipd {

enum class Level : uint8_t { server, service, line, site };
enum class DisableMode : uint8_t { mask, weak, strong };

std::string_view name(Level level);
std::string_view name(DisableMode mode);
std::optional<Level> level_of(std::string_view text);
std::optional<DisableMode> disable_mode_of(std::string_view text);

// A server is meant in every service that has one of its name, or in one: SERVICE/NAME.  A line is
// called by its carrier.
struct DisableTarget {
    Level level = Level::server;
    std::string name;

    bool operator==(const DisableTarget&) const = default;
    bool operator<(const DisableTarget& other) const {
        return level != other.level ? level < other.level : name < other.name;
    }
    std::string text() const { return std::string(vipd::name(level)) + " " + name; }
    // Whether it means that server of that service.
    bool means(std::string_view service, std::string_view server) const;
};

struct DisableOrder {
    // Of one that is weak; the others are in force, and that is all.
    enum class Course : uint8_t { running, done };

    DisableMode mode = DisableMode::mask;
    double rate_per_s = 0;  // weak: flows, of all workers together
    double quiet_s = 0;     // weak: it is done once nothing was left to end for so long
    bool icmp = false;      // weak: UDP's clients are told that the port is unreachable
    bool anyway = false;    // it was said that nobody else need be there
    Said said;
    Course course = Course::running;
    uint64_t id = 0;  // of this run of vipd; each order has its own

    bool runs() const { return mode == DisableMode::weak && course == Course::running; }
    bool operator==(const DisableOrder&) const = default;
};

using Disablings = std::map<DisableTarget, DisableOrder>;

// Seconds until an order that has so many flows left, the worker that has most of them having that
// many, is done.
double estimated_end_s(const DisableOrder& order, uint64_t left, uint64_t most, size_t workers);

}  // namespace rehome::vipd
