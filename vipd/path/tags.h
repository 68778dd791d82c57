// Whose word a message between gateways is: what goes to a peer is tagged, and what comes from one
// is known by its tag (packet/tag.h), where there are keys (state/peer_keys.h).
//
// Nothing that a peer sends is acted on before it has been looked at here.  Drops: untagged, where
// tags are required; bad_tag, of no key and key epoch that are agreed with the peer; replayed, of
// what counts once.
#pragma once

#include <optional>

#include "vipd/path/classify.h"
#include "vipd/path/context.h"

namespace rehome::vipd {

// How a message goes to that peer, from that port.
TunnelEnds ends_to(const View& view, Hands& hands, size_t peer, uint16_t source_port);

// Whether what goes to that peer is tagged.
inline bool tags_to(const View& view, size_t peer) {
    const auto& keys = view.snapshot.peers[peer].keys;
    return keys != nullptr && keys->sign.has_value();
}

// What the tunnel adds to a packet of that kind on its way there.
inline uint32_t overhead_to(const View& view, size_t peer, Gue::Kind kind) {
    return tunnel_bytes(view.tables.tunnel()->family) + (tags_to(view, peer) ? tag_bytes(kind) : 0);
}

// What a message's tag says.
struct Belief {
    std::optional<Drop> why_not;  // nothing: it is the peer's, as far as anybody asks
    std::optional<uint8_t> slot;  // it counts once, in the windows of that key epoch
};
Belief believe(const View& view, Hands& hands, const Classified& what);

// The same of what nobody acts on yet, counting nothing.
bool believable(const Snapshot& snapshot, const Classified& what);

// Whether what counts once has come before: asked once, when it is acted on, since a fragment may
// wait first.
bool came_before(Hands& hands, const Classified& what, const Belief& belief);

}  // namespace rehome::vipd
