#include "vipd/path/arrive.h"

#include "vipd/path/classify.h"
#include "vipd/path/client.h"
#include "vipd/path/join.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/server.h"
#include "vipd/path/tunnel.h"
#include "vipd/path/tunnel_error.h"

namespace rehome::vipd {

namespace {

Verdict to_stage(const View& view, Hands& hands, Frame& frame, Classified& what, PortIndex port) {
    switch (what.kind) {
        case Classified::Kind::client:
            return from_line(view, hands, frame, what.packet, port, what.link);
        case Classified::Kind::server:
            return from_servers(view, hands, frame, what.packet, port);
        case Classified::Kind::peer_client:
        case Classified::Kind::peer_reply:
        case Classified::Kind::control:
            return from_tunnel(view, hands, frame, what, port);
        case Classified::Kind::tunnel_error:
            return from_tunnel_error(view, hands, frame, what.packet, port);
        case Classified::Kind::bad:
            return dropped(hands, what.drop);
        case Classified::Kind::kernel:
            break;
    }
    note(hands, "parse", "no VIP's, and nothing that a server or a gateway sent: the kernel's");
    return punted(view, hands, frame, port);
}

}  // namespace

Verdict arrive(const View& view, Hands& hands, Frame& frame, PortIndex port) {
    if (frame.length >= ethernet_bytes &&
        !hands.routing.adjacencies().ports()[port].takes(frame.data)) {
        return dropped(hands, Drop::other_mac);
    }
    Classified what = classify(frame.bytes(), port, view.tables);
    if (!what.first_fragment()) [[likely]] {
        return to_stage(view, hands, frame, what, port);
    }
    const FragmentKey key = fragment_key(what.packet);
    const Verdict verdict = to_stage(view, hands, frame, what, port);
    release(hands, key,
            [&](Frame& waited, PortIndex by) { return arrive(view, hands, waited, by); });
    return verdict;
}

}  // namespace rehome::vipd
