// What is to be read out of BIRD's replies: sessions, routes, the constants that it runs with.
// Pure.  (BIRD 2.0.12: proto/bgp/bgp.c, nest/rt-show.c, conf/conf.c)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "cutover/bird/announce_file.h"
#include "cutover/bird/reply.h"

namespace rehome::cutover {

struct BgpChannel {
    Family family = Family::v4;
    bool up = false;
    bool recovering = false;  // after a graceful restart: the neighbour still keeps what it had
    std::string routes;       // BIRD's words: "0 imported, 4 exported, 0 preferred"
};

// A BGP protocol of BIRD.  It may have a channel for each family, or for one alone.
struct BgpSession {
    std::string name;
    std::string state;  // BIRD's word: "Established", "Active", ...
    std::vector<BgpChannel> channels;

    const BgpChannel* channel(Family family) const;
};

// From `show protocols all NAME`; nothing if it is no BGP protocol.
std::optional<BgpSession> session_in(const std::string& name, const BirdReply& reply);

// How a route is told to a neighbour, by its communities: GRACEFUL_SHUTDOWN (RFC 8326); held back
// from others by NO_EXPORT, NO_ADVERTISE or NO_EXPORT_SUBCONFED (RFC 1997); or BLACKHOLE (RFC
// 7999).
enum class Exported { absent, plain, graceful_shutdown, no_export, blackhole };

std::string_view name(Exported exported);

struct Route {
    Prefix prefix;
    Exported exported = Exported::plain;

    bool operator==(const Route&) const = default;
};

// From any `show route all ...`, in BIRD's order; a prefix stands as often as it has routes.
std::vector<Route> routes_in(const BirdReply& reply);

// From what `birdc -v show route protocol NAME ...` prints; a protocol without a channel of the
// family has none.  An error of kind unknown when BIRD did not answer.
Result<std::vector<Prefix>> prefixes_in(std::string_view printed);

// From `eval state_CARRIER`: what the configuration that BIRD runs with says, whatever stands in
// its files by now; nothing: it has no such constant.
std::optional<Announce> running_state(const BirdReply& reply);

// Where BIRD finds a mistake in its configuration: "FILE:LINE:COLUMN what".
struct Place {
    std::string file;
    size_t line = 0;
};

std::optional<Place> place_of(std::string_view refusal);

}  // namespace rehome::cutover
