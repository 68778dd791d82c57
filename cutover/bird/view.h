// What a gateway's BIRD tells its carriers, from four places: the include file (stated), the
// configuration that BIRD runs with (running), its tables (exported), and where one is configured
// the far side (held).  And whether all of that is a state that was asked for.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cutover/bird/tables.h"

namespace rehome::cutover {

// One prefix that moves, in what is sent by one session.
struct PrefixView {
    Prefix prefix;
    std::string session;  // empty: none of the carrier's has a channel of the prefix's family
    Exported exported = Exported::absent;
    std::vector<Route> inside;  // more-specific routes, which draw its packets as well
};

// What a BIRD at the far side holds by the line.
struct FarView {
    std::string failure;       // why it could not be looked at; empty: it was
    std::vector<Prefix> held;  // those of the prefixes that move, and what lies inside of them
};

struct CarrierView {
    std::string carrier;
    Announce stated = Announce::withdrawn;
    std::optional<Announce> running;  // nothing: BIRD does not know the constant
    std::vector<BgpSession> sessions;
    std::vector<PrefixView> prefixes;
    std::optional<FarView> far;

    const BgpSession* session(std::string_view name) const;
};

struct BirdView {
    bool unconfirmed = false;  // a configuration waits to be confirmed, and will be undone
    std::vector<CarrierView> carriers;
};

struct Verdict {
    Exit answer = Exit::yes;  // yes | no | unknown
    std::string why;          // what stands against it; empty: nothing
};

// Whether the carrier is in that state.  A withdrawal by a session that is down, or that recovers
// from a graceful restart, is "cannot tell" unless the far side shows that nothing is held: the
// carrier may keep routes of before (RFC 4724, RFC 9494).
Verdict judge(const CarrierView& view, Announce state);

// What keeps this carrier from being told anything: families without a session, or sessions that
// are down; empty: nothing.
std::string why_unable(const CarrierView& view);

}  // namespace rehome::cutover
