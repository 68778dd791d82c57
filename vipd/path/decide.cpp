#include "vipd/path/decide.h"

#include <array>

namespace rehome::vipd {

namespace {

// Protocols without a SYN: any packet may be a flow's first.
bool starts_flow(const Arrival& a) {
    return !a.tcp || a.first;
}

Decision place(const Arrival& a) {
    if (a.from == From::line && a.share_relays && a.other_takes) {
        return Decision::place_relayed;
    }
    if (a.can_serve) {
        return Decision::place_here;
    }
    // Rule 4: what came through the tunnel is placed here or not at all.
    return a.from == From::line && a.other_takes ? Decision::place_relayed
                                                 : Decision::drop_no_server;
}

// Rule 3: home at this site, then other sites; who asked adopts, or the last that was handed it.
Decision second_chance(const Arrival& a) {
    if (a.asked) {
        return Decision::say_unknown;
    }
    if (a.from != From::same_site && a.home_is_peer) {
        return Decision::try_home;
    }
    if (a.from != From::other_site && !a.crossed && a.other_up && a.other_has_flows) {
        return Decision::try_other;
    }
    if ((a.from == From::line || a.refused) && a.other_silent) {
        return Decision::drop_peer_down;  // it cannot be asked yet, and may know the flow
    }
    return a.can_serve && !a.source_nat ? Decision::adopt : Decision::reset;
}

Decision follow(const Arrival& a) {
    if (a.entry == Entry::here) {
        return Decision::serve_entry;
    }
    if (a.peer_up) {
        return Decision::relay_entry;
    }
    return a.peer_gone ? Decision::reset : Decision::drop_peer_down;  // rule 5
}

}  // namespace

Decision decide(const Arrival& a) {
    // Rule 4 outranks rule 1: only entries that end here count for what came through the tunnel.
    const bool counts = a.entry == Entry::here || (a.entry != Entry::none && a.from == From::line);
    const bool replaced = a.replaceable && starts_flow(a);
    if (counts && !replaced) {
        return follow(a);  // rule 1
    }
    return starts_flow(a) ? place(a) : second_chance(a);  // rules 2 and 3
}

std::string_view name(Decision decision) {
    constexpr std::array<std::string_view, 11> names{
        "serve_entry", "relay_entry", "place_here",  "place_relayed",  "try_home",      "try_other",
        "adopt",       "reset",       "say_unknown", "drop_no_server", "drop_peer_down"};
    return names[static_cast<size_t>(decision)];
}

}  // namespace rehome::vipd
