// What is to be done with a client's packet, by all that is known of it: the facts are gathered
// from the snapshot and from the flow's entry, and decide() (decide.h) says what follows.
//
// Pure: the slow path judges every packet, the fast path those that meet no entry that was decided
// about (flow/stamps.h), by the same functions; what they do then is in client.cpp and fast.cpp.
#pragma once

#include <optional>

#include "common/special_addresses.h"
#include "vipd/flow/flow.h"
#include "vipd/path/context.h"
#include "vipd/path/decide.h"

namespace rehome::vipd {

// Why nobody can have sent a client's packet from there; nothing: somebody can.  A reply to a VIP
// would come back in by the line, for ever if two services answer; one to a pool's address would be
// taken for that of the flow for which the address stands.
// Addresses as in Tables' look-ups.
template <typename A>
[[gnu::always_inline]] inline std::optional<Drop> wrong_source(const Tables& tables,
                                                               const A& source,
                                                               const A& destination) {
    const auto unless_ordinary = [&]() -> std::optional<Drop> {
        const auto wrong = tables.wrong_source(source);
        return !wrong && is_special(source) ? Drop::bad_source : wrong;
    };
    if (same(source, destination)) [[unlikely]] {
        return tables.is_moved(source) ? Drop::forged_source : Drop::bad_source;
    }
    return tables.ordinary(source) ? std::nullopt : unless_ordinary();
}

// The same of what a peer passes on: a site's own networks mean nothing at another one, and the
// gateway of the line has judged them.
template <typename A>
std::optional<Drop> wrong_relayed_source(const Tables& tables, const A& source,
                                         const A& destination) {
    const auto wrong = wrong_source(tables, source, destination);
    return wrong == Drop::site_source ? std::nullopt : wrong;
}

// A client's packet as it is judged.  What it refers to is the caller's: a copy of what was just
// written would have to wait for it.
struct Meeting {
    const FlowKey& key;
    const Segment& segment;
    const ServiceTable* service;  // the VIP's; null: none
    bool has_ports = true;        // else the segment says nothing
    From from = From::line;
    bool crossed = false;
    bool asked = false;
    std::optional<size_t> refused_by{};  // the peer of another site that knows nothing of the flow
};

struct Judgement {
    enum class Kind : uint8_t {
        decided,      // decision holds
        no_service,   // nobody is there
        goes_on,      // nobody is there any more; the connection goes on until it ends
        reset_again,  // the entry was reset to make its client log in again
        disabled,     // it is cut, or shut, by an order: nobody is told
    };
    Kind kind = Kind::no_service;
    Decision decision = Decision::drop_no_server;
    bool forgets = false;                   // the entry, of another connection with the same ends
    const ServiceTable* service = nullptr;  // decided, reset_again
};

// flow: the entry of its key, or null.
Judgement judge(const View& view, const Meeting& meeting, const Flow* flow);

// What decide() is told of the key and its entry; the rest is the packet's, and stands there
// already.  refused_by: as in a Meeting.  Filled in place.
void gather(const View& view, const FlowKey& key, const Flow* flow, const ServiceTable* service,
            std::optional<size_t> refused_by, Arrival& into);

// Where a new flow of the service is placed.
struct NewFlow {
    Placement::Choice choice;
    std::optional<size_t> peer;  // that it is given to; nothing: it stays here
    bool masked = false;         // here, so that it is given away, whatever the choice
};
NewFlow place_new(const View& view, const FlowKey& key, const ServiceTable& service);

// Whether the entry says nothing that would not be decided again without it: its server replies
// directly, so that nothing but the choice of it is kept.
bool decided_alike(const Snapshot& snapshot, const Flow& flow);

// Whom to ask for a flow in mid-flow, at this site: a peer that says that it may know it, or the
// flow's home gateway; nothing when that is this one.
std::optional<size_t> home_peer(const View& view, const FlowKey& key);
// The same at other sites, at gateways that are up and serve the VIP: at the site that the
// placement names, then at the one that the placement before it named, then at one more.
// refused_by: the one that was asked last; nothing: none was.
std::optional<size_t> next_to_ask(const View& view, const FlowKey& key,
                                  std::optional<size_t> refused_by);
// A gateway of another site (of that one, if it is said) that is up and serves the VIP.
std::optional<size_t> other_site_peer(const View& view, const Address& vip,
                                      std::optional<SiteNumber> site = {});
// The one that a new flow is given to, of those that may take it: all gets there and back, too, and
// it has a live server of the service, as far as it says.  It is the flow's home there, where that
// may take it, so that whoever is asked for the flow later on is asked there first.  A site that is
// masked takes it only if it is said.
std::optional<size_t> other_site_taker(const View& view, const FlowKey& key,
                                       std::optional<SiteNumber> site = {},
                                       bool masked_too = false);

// Whether some gateway may serve the VIP's port, as far as is known here: one that lives and says
// so, is believed to, or is neither heard nor given up.
bool served_elsewhere(const View& view, const FlowKey& key);

// Whether nobody of some other site is up and serves the VIP, and a gateway there is neither heard
// nor given up.
bool other_site_silent(const View& view, const Address& vip);

// The peer to which a decision leads that is about one.
size_t peer_of(const View& view, Decision decision, const FlowKey& key, const Flow* flow,
               std::optional<size_t> refused_by = {});

}  // namespace rehome::vipd
