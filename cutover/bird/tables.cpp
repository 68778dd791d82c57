#include "cutover/bird/tables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace rehome::cutover {

namespace {

// BIRD's reply codes (doc/reply_codes), and its words for a protocol without the family.
constexpr int greeting = 1;
constexpr int first_failure = 8000;
constexpr std::string_view no_such_family = "No valid tables";

std::string_view trimmed(std::string_view text) {
    const size_t start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
        return "";
    }
    return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

// What stands behind a label such as "BGP state:"; nothing when the line has another.
std::optional<std::string_view> behind(std::string_view label, std::string_view line) {
    line = trimmed(line);
    return line.starts_with(label) ? std::optional(trimmed(line.substr(label.size())))
                                   : std::nullopt;
}

std::optional<Family> family_of(std::string_view channel) {
    if (channel == "ipv4") {
        return Family::v4;
    }
    return channel == "ipv6" ? std::optional(Family::v6) : std::nullopt;
}

void take_channel_line(BgpChannel& channel, std::string_view line) {
    if (const auto state = behind("State:", line)) {
        channel.up = *state == "UP";
    } else if (behind("GR recovery:", line)) {
        channel.recovering = true;
    } else if (const auto routes = behind("Routes:", line)) {
        channel.routes = *routes;
    }
}

// The prefix that a line of a route begins with, as in "198.51.100.0/24  blackhole [...".
std::optional<Prefix> prefix_at_start(std::string_view line) {
    line = trimmed(line);
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    const auto prefix = Prefix::parse(word);
    const bool is_one = prefix && word.find('/') != std::string_view::npos;
    return is_one ? std::optional(*prefix) : std::nullopt;
}

// "unicast [red 12:00] * (100)": a line without a prefix is one more route of the one before.
bool is_another_route(std::string_view line) {
    line = trimmed(line);
    constexpr std::array<std::string_view, 4> kinds{"unicast [", "blackhole [", "unreachable [",
                                                    "prohibited ["};
    return std::any_of(kinds.begin(), kinds.end(),
                       [line](std::string_view kind) { return line.starts_with(kind); });
}

Exported exported_by(std::string_view communities) {
    const auto has = [communities](std::string_view one) {
        return communities.find(one) != std::string_view::npos;
    };
    if (has("(65535,666)")) {
        return Exported::blackhole;
    }
    if (has("(65535,65281)") || has("(65535,65282)") || has("(65535,65283)")) {
        return Exported::no_export;
    }
    return has("(65535,0)") ? Exported::graceful_shutdown : Exported::plain;
}

}  // namespace

const BgpChannel* BgpSession::channel(Family family) const {
    const auto found =
        std::find_if(channels.begin(), channels.end(),
                     [family](const BgpChannel& channel) { return channel.family == family; });
    return found == channels.end() ? nullptr : &*found;
}

std::optional<BgpSession> session_in(const std::string& name, const BirdReply& reply) {
    BgpSession session{name, "", {}};
    BgpChannel other;  // of a family that does not matter here, such as flow4
    BgpChannel* channel = nullptr;
    for (const BirdLine& line : reply.lines) {
        if (const auto state = behind("BGP state:", line.text)) {
            session.state = *state;
        } else if (const auto kind = behind("Channel ", line.text)) {
            const auto family = family_of(*kind);
            channel = family ? &session.channels.emplace_back(BgpChannel{*family, false, false, ""})
                             : &other;
        } else if (channel != nullptr) {
            take_channel_line(*channel, line.text);
        }
    }
    return session.state.empty() ? std::nullopt : std::optional(session);
}

std::string_view name(Exported exported) {
    constexpr std::array<std::string_view, 5> names{"absent", "plain", "graceful_shutdown",
                                                    "no_export", "blackhole"};
    return names[static_cast<size_t>(exported)];
}

std::vector<Route> routes_in(const BirdReply& reply) {
    std::vector<Route> routes;
    for (const BirdLine& line : reply.lines) {
        if (const auto prefix = prefix_at_start(line.text)) {
            routes.push_back({*prefix});
        } else if (routes.empty()) {
            continue;
        } else if (is_another_route(line.text)) {
            routes.push_back({routes.back().prefix});
        } else if (const auto communities = behind("BGP.community:", line.text)) {
            routes.back().exported = exported_by(*communities);
        }
    }
    return routes;
}

Result<std::vector<Prefix>> prefixes_in(std::string_view printed) {
    std::vector<Prefix> prefixes;
    std::istringstream lines{std::string(printed)};
    bool greeted = false;
    for (std::string line; std::getline(lines, line);) {
        int code = 0;
        const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), code);
        const bool coded = error == std::errc() && rest == line.data() + 4 &&
                           rest != line.data() + line.size() && (*rest == ' ' || *rest == '-');
        const std::string text = coded ? line.substr(5) : line;
        greeted = greeted || (coded && code == greeting);
        if (coded && code >= first_failure && text != no_such_family) {
            return fail(Exit::unknown, "", line);
        }
        if (const auto prefix = prefix_at_start(text)) {
            prefixes.push_back(*prefix);
        }
    }
    return greeted ? Result<std::vector<Prefix>>(std::move(prefixes))
                   : fail(Exit::unknown, "", "no BIRD answered");
}

std::optional<Announce> running_state(const BirdReply& reply) {
    constexpr int value = 23;
    const std::string_view text = trimmed(reply.text());
    const bool known =
        reply.code() == value && text.size() == 1 && text[0] >= '0' && text[0] <= '2';
    return known ? std::optional(static_cast<Announce>(text[0] - '0')) : std::nullopt;
}

std::optional<Place> place_of(std::string_view refusal) {
    const size_t colon = refusal.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    size_t line = 0;
    const char* const start = refusal.data() + colon + 1;
    const char* const end = refusal.data() + refusal.size();
    const auto [rest, error] = std::from_chars(start, end, line);
    const bool whole = error == std::errc() && rest != end && *rest == ':' && line > 0;
    return whole ? std::optional(Place{std::string(refusal.substr(0, colon)), line}) : std::nullopt;
}

}  // namespace rehome::cutover
