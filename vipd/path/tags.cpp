#include "vipd/path/tags.h"

#include <algorithm>

#include "vipd/path/note.h"

namespace rehome::vipd {

TunnelEnds ends_to(const View& view, Hands& hands, size_t peer, uint16_t source_port) {
    const Snapshot::Peer& to = view.snapshot.peers[peer];
    // Who answers link probes looks at ECN coming out of the tunnel; who does not may be older.
    return {*view.tables.tunnel(), view.tables.peers()[peer].tunnel, source_port, to.probes,
            hands.tags.signing(to)};
}

namespace {

// By which of the keys that are agreed the message is signed; null: by none.
const EpochKeys* signed_by(const PeerKeys& keys, const Classified& what, const Tag& tag) {
    const auto found =
        std::find_if(keys.verify.begin(), keys.verify.end(), [&](const EpochKeys& one) {
            return one.key_id == tag.key_id && one.epoch == tag.epoch &&
                   tag_holds(one.keys, what.gue, tag, what.carried, what.packet);
        });
    return found == keys.verify.end() ? nullptr : &*found;
}

Belief judge_tag(const View& view, Hands& hands, const Classified& what) {
    const PeerKeys& keys = *view.snapshot.peers[what.peer].keys;
    PeerCounters& counters = hands.counters.peers[what.peer];
    if (what.gue.kind == Gue::Kind::control && what.gue.control == Gue::Control::handshake) {
        const bool theirs = keys.signed_by_peer(what.carried);
        counters.bad_tags += theirs ? 0 : 1;
        return {theirs ? std::nullopt : std::optional(Drop::bad_tag), {}};
    }
    if (!what.gue.tagged) {
        ++counters.untagged;
        return {view.snapshot.tags_required ? std::optional(Drop::untagged) : std::nullopt, {}};
    }
    const EpochKeys* by = signed_by(keys, what, tag_in(what.gue, what.carried));
    if (by == nullptr) {
        ++counters.bad_tags;
        return {Drop::bad_tag, {}};
    }
    return {{}, counted(what.gue.kind) ? std::optional(by->slot) : std::nullopt};
}

}  // namespace

Belief believe(const View& view, Hands& hands, const Classified& what) {
    if (view.snapshot.peers[what.peer].keys == nullptr) {
        return {};
    }
    const Belief belief = judge_tag(view, hands, what);
    if (!belief.why_not) {
        note(hands, "tag", "{}", what.gue.tagged ? "the peer's" : "none, and none is needed");
    }
    return belief;
}

bool believable(const Snapshot& snapshot, const Classified& what) {
    const auto& keys = snapshot.peers[what.peer].keys;
    if (keys == nullptr) {
        return true;
    }
    return what.gue.tagged ? signed_by(*keys, what, tag_in(what.gue, what.carried)) != nullptr
                           : !snapshot.tags_required;
}

bool came_before(Hands& hands, const Classified& what, const Belief& belief) {
    if (!belief.slot || hands.tags.take(what.peer, *belief.slot, tag_in(what.gue, what.carried))) {
        return false;
    }
    ++hands.counters.peers[what.peer].replayed;
    return true;
}

}  // namespace rehome::vipd
