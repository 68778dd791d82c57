#include "vipd/state/disabling.h"

#include <algorithm>
#include <array>

namespace rehome::vipd {

namespace {

constexpr std::array<std::string_view, 4> levels{"server", "service", "line", "site"};
constexpr std::array<std::string_view, 3> modes{"mask", "weak", "strong"};

template <typename Kind, size_t count>
std::optional<Kind> one_of(const std::array<std::string_view, count>& names,
                           std::string_view text) {
    const auto found = std::find(names.begin(), names.end(), text);
    return found == names.end() ? std::nullopt
                                : std::optional(static_cast<Kind>(found - names.begin()));
}

}  // namespace

std::string_view name(Level level) {
    return levels[static_cast<size_t>(level)];
}

std::string_view name(DisableMode mode) {
    return modes[static_cast<size_t>(mode)];
}

std::optional<Level> level_of(std::string_view text) {
    return one_of<Level>(levels, text);
}

std::optional<DisableMode> disable_mode_of(std::string_view text) {
    return one_of<DisableMode>(modes, text);
}

bool DisableTarget::means(std::string_view service, std::string_view server) const {
    const size_t slash = name.find('/');
    const std::string_view said(name);
    return level == Level::server &&
           (slash == std::string::npos
                ? said == server
                : said.substr(0, slash) == service && said.substr(slash + 1) == server);
}

// Each worker ends its own flows, at its part of the rate.
double estimated_end_s(const DisableOrder& order, uint64_t left, uint64_t most, size_t workers) {
    if (!order.runs() || order.rate_per_s <= 0) {
        return 0;
    }
    const double all = static_cast<double>(left) / order.rate_per_s;
    const double slowest =
        static_cast<double>(most) * static_cast<double>(workers) / order.rate_per_s;
    return std::max(all, slowest) + order.quiet_s;
}

}  // namespace rehome::vipd
