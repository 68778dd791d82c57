#include "vipd/packet/mss.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

namespace {

// A word at an odd offset of what is summed counts with its bytes swapped (RFC 1071 2 (B)).
uint16_t as_summed(uint16_t word, bool odd) {
    return odd ? static_cast<uint16_t>(word << 8 | word >> 8) : word;
}

void set_mss(uint8_t* tcp, uint32_t at, uint16_t mss) {
    const bool odd = at % 2 != 0;
    Delta delta;
    delta.replace16(as_summed(load16(tcp + at), odd), as_summed(mss, odd));
    store16(tcp + at, mss);
    store16(tcp + 16, delta.apply(load16(tcp + 16)));
}

}  // namespace

bool clamp_mss(Frame& frame, const Packet& packet, uint16_t mss) {
    constexpr uint8_t end_of_options = 0, no_operation = 1, maximum_segment_size = 2;
    if (!packet.tcp() || !packet.has_ports || (packet.tcp_flags & tcp_flag::syn) == 0) {
        return false;
    }
    uint8_t* tcp = frame.data + packet.l4;
    const uint32_t header = uint32_t{tcp[12]} >> 4 << 2;
    bool lowered = false;
    for (uint32_t at = 20; at < header && tcp[at] != end_of_options;) {
        if (tcp[at] == no_operation) {
            ++at;
            continue;
        }
        if (at + 1 == header || tcp[at + 1] < 2 || at + tcp[at + 1] > header) {
            break;
        }
        if (tcp[at] == maximum_segment_size && tcp[at + 1] == 4 && load16(tcp + at + 2) > mss) {
            set_mss(tcp, at + 2, mss);
            lowered = true;
        }
        at += tcp[at + 1];
    }
    return lowered;
}

}  // namespace rehome::vipd
