#include "vipd/flow/flow.h"

#include <algorithm>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

// Two endpoints and a protocol as bytes to hash: family and port, then the address.
uint64_t hash_pair(uint8_t protocol, const Endpoint& a, const Endpoint& b, uint64_t key) {
    std::array<uint8_t, 40> bytes{};
    std::copy_n(a.address.bytes.begin(), 16, bytes.begin());
    std::copy_n(b.address.bytes.begin(), 16, bytes.begin() + 16);
    store16(&bytes[32], a.port);
    store16(&bytes[34], b.port);
    bytes[36] = protocol;
    bytes[37] = static_cast<uint8_t>(a.address.family);
    return hash_bytes(bytes, key);
}

// An address as it stands in an entry.
Address address_of(uint32_t stored) {
    return Address::v4(stored);
}

Address address_of(const std::array<uint8_t, 16>& stored) {
    return {Family::v6, stored};
}

const FlowV4& v4(const Flow& flow) {
    return static_cast<const FlowV4&>(flow);
}

const FlowV6& v6(const Flow& flow) {
    return static_cast<const FlowV6&>(flow);
}

}  // namespace

uint64_t FlowKey::hash(uint64_t key) const {
    return hash_pair(protocol, client, vip, key);
}

Endpoint Flow::client() const {
    return {this->v6 ? address_of(vipd::v6(*this).client_address)
                     : address_of(vipd::v4(*this).client_address),
            client_port};
}

Endpoint Flow::vip() const {
    return {this->v6 ? address_of(vipd::v6(*this).vip_address)
                     : address_of(vipd::v4(*this).vip_address),
            vip_port};
}

Endpoint Flow::server() const {
    if (!this->v6) {
        return {address_of(vipd::v4(*this).server_address), server_port};
    }
    const FlowV6& entry = vipd::v6(*this);
    return {direct_return() ? entry.tunnel_server() : address_of(entry.server_address),
            server_port};
}

}  // namespace rehome::vipd
