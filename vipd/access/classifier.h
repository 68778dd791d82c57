// Access rules laid out flat, and who finds the first of them that matches: which rule of the
// document decides about a client's packet, for many at once.
//
// Each flat rule is one client prefix, one VIP prefix, one range of ports and one protocol, in the
// document's order.  A key is what DPDK's classifier reads, bytes in network order: the protocol,
// the client, the VIP, two bytes that are 0, the VIP's port (0: the packet has none).  ICMP is 1 in
// both families.
//
// Pure: the classifier over rte_acl is an adapter (adapter/acl.h); the plain one here is what it is
// held against, and what `vipd why` without a running vipd asks.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/error.h"
#include "common/vipd_config/access.h"
#include "common/vipd_config/config.h"
#include "vipd/flow/flow.h"
#include "vipd/packet/bytes.h"

namespace rehome::vipd {

inline constexpr uint8_t icmp_in_rules = 1;

template <size_t address_bytes>
struct AccessKey {
    static constexpr size_t client_at = 1, vip_at = 1 + address_bytes,
                            port_at = 3 + 2 * address_bytes, size = 5 + 2 * address_bytes;

    std::array<uint8_t, size> bytes;  // nothing until they are set: bursts have many

    // The address's first bytes, in network order.
    void set(uint8_t protocol, const uint8_t* client, const uint8_t* vip, uint16_t port) {
        bytes[0] = protocol == 58 ? icmp_in_rules : protocol;
        if constexpr (address_bytes == 4) {
            // In one store: who reads it as one word would have to wait for two.
            const auto ends = std::bit_cast<uint64_t>(std::array{load_raw(client), load_raw(vip)});
            std::memcpy(&bytes[client_at], &ends, sizeof ends);
        } else {
            std::memcpy(&bytes[client_at], client, address_bytes);
            std::memcpy(&bytes[vip_at], vip, address_bytes);
        }
        store32(&bytes[port_at - 2], port);
    }

private:
    static uint32_t load_raw(const uint8_t* at) {
        uint32_t value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
};
using AccessKeyV4 = AccessKey<4>;
using AccessKeyV6 = AccessKey<16>;

struct FlatRule {
    Prefix client, vip;
    uint16_t first_port = 0, last_port = 65'535;
    uint8_t protocol = 0;  // 0: any
    uint32_t rule = 0;     // of the document
};

struct FlatRules {
    // Of both families together; what building takes grows with them.
    static constexpr size_t most = 32'768;

    std::vector<FlatRule> v4, v6;

    size_t size() const { return v4.size() + v6.size(); }
};

// Rules about services that are not there match nothing here: another gateway may have them.
// Exit::usage: there are more than FlatRules::most.
Result<FlatRules> flatten(const AccessRules& rules, const std::vector<ServiceConfig>& services);

class Classifier {
public:
    static constexpr uint32_t none = UINT32_MAX;

    virtual ~Classifier() = default;
    // The document's rule that decides about each key, or `none`; as many of both.
    virtual void find(std::span<const AccessKeyV4> keys, uint32_t* rules) const = 0;
    virtual void find(std::span<const AccessKeyV6> keys, uint32_t* rules) const = 0;
};

// One rule after the other.
std::unique_ptr<const Classifier> plain_classifier(FlatRules rules);

}  // namespace rehome::vipd
