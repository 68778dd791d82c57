#include "vipd/path/join.h"

#include <algorithm>

#include "vipd/packet/rewrite.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

std::optional<Verdict> join(const View& view, Hands& hands, const Frame& frame, Packet& packet,
                            PortIndex port) {
    if (!packet.fragment) {
        return std::nullopt;
    }
    const auto lost = hands.lost();
    if (!packet.later_fragment()) {
        const bool agrees = hands.fragments.learn(packet, view.now, lost);
        return agrees ? std::nullopt : std::optional(dropped(hands, Drop::bad_fragment));
    }
    if (const auto* first = hands.fragments.find(packet)) {
        packet.protocol = first->protocol;
        packet.source_port = first->source_port;
        packet.destination_port = first->destination_port;
        packet.icmp_type = first->echo ? echo_request(packet.family) : uint8_t{0};
        note(hands, "fragment", "at {} of a datagram from port {} to {}", packet.fragment_offset,
             packet.source_port, packet.destination_port);
        return std::nullopt;
    }
    note(hands, "fragment", "its first one has not come: it waits");
    const bool held = hands.fragments.hold(packet, frame.bytes(), port, view.now, lost);
    return held ? Verdict{Verdict::Kind::kept, Drop::count_} : dropped(hands, Drop::fragments_full);
}

void release(Hands& hands, const FragmentKey& first, const Handle& handle) {
    hands.fragments.release(first, [&](std::span<uint8_t> bytes, uint32_t tag) {
        constexpr uint32_t room = 128;
        const auto port = static_cast<PortIndex>(tag);
        std::vector<uint8_t> buffer(room + bytes.size() + room);
        std::copy(bytes.begin(), bytes.end(), buffer.begin() + room);
        Frame frame{buffer.data() + room, static_cast<uint32_t>(bytes.size()), room, room};
        const Verdict verdict = handle(frame, port);
        if (verdict.kind == Verdict::Kind::punt) {
            hands.sink.punt(frame.bytes(), port);
        } else if (verdict.kind == Verdict::Kind::wait) {
            dropped(hands, Drop::no_neighbour);  // it has waited once
        } else {
            emit(hands, frame, verdict);
        }
    });
}

}  // namespace rehome::vipd
