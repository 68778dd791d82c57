#include "vipd/packet/ip_header.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

uint32_t write_ip_header(uint8_t* at, const Address& from, const Address& to, Protocol protocol,
                         uint32_t payload_bytes) {
    const uint32_t header = ip_header_bytes(from.family);
    std::memset(at, 0, header);
    if (from.family == Family::v4) {
        at[0] = 0x45;
        store16(at + 2, static_cast<uint16_t>(header + payload_bytes));
        store16(at + 6, 0x4000);
        at[8] = fresh_ttl;
        at[9] = static_cast<uint8_t>(protocol);
        std::copy_n(from.bytes.begin(), 4, at + 12);
        std::copy_n(to.bytes.begin(), 4, at + 16);
        store16(at + 10, fold_checksum(sum_words({at, header})));
        return header;
    }
    at[0] = 0x60;
    store16(at + 4, static_cast<uint16_t>(payload_bytes));
    at[6] = static_cast<uint8_t>(protocol);
    at[7] = fresh_ttl;
    std::copy_n(from.bytes.begin(), 16, at + 8);
    std::copy_n(to.bytes.begin(), 16, at + 24);
    return header;
}

}  // namespace rehome::vipd
