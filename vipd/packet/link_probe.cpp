#include "vipd/packet/link_probe.h"

#include <algorithm>

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

std::vector<uint8_t> encode(const LinkProbe& probe, uint32_t headers) {
    const uint32_t least = headers + link_probe_bytes;
    const uint32_t filled = probe.answer ? least : std::max<uint32_t>(least, probe.size);
    std::vector<uint8_t> out(filled - headers);
    out[0] = probe.answer ? 1 : 0;
    store16(&out[2], probe.size);
    store32(&out[4], probe.id);
    return out;
}

std::optional<LinkProbe> decode_link_probe(std::span<const uint8_t> bytes, uint32_t headers) {
    if (bytes.size() < link_probe_bytes || bytes[0] > 1) {
        return std::nullopt;
    }
    const LinkProbe probe{load32(&bytes[4]), load16(&bytes[2]), bytes[0] == 1};
    const bool whole = probe.answer || headers + bytes.size() == probe.size;
    return whole ? std::optional(probe) : std::nullopt;
}

}  // namespace rehome::vipd
