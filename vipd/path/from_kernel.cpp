#include "vipd/path/from_kernel.h"

#include <algorithm>

namespace rehome::vipd {

std::optional<Drop> from_kernel(const View& view, Hands& hands, std::span<const uint8_t> frame,
                                PortIndex port) {
    hands.punt->kernel_sends(frame, view.tables);
    const Link link = link_of(frame);
    const auto lines = view.tables.lines_at(port, link.vlan);
    const bool may_carry = std::any_of(lines.begin(), lines.end(), [&](uint16_t line) {
        return view.snapshot.line(line) != LineState::disabled;
    });
    if (lines.empty() || may_carry) {
        return std::nullopt;
    }
    const auto packet = parse_packet(frame, link);
    if (!packet || !view.tables.is_moved(packet->source)) {
        return std::nullopt;
    }
    hands.count(Drop::line_disabled);
    return Drop::line_disabled;
}

}  // namespace rehome::vipd
