// Which services a gateway can serve, told to its peers: a prefix says too little where all servers
// of one of its services are masked, or one site alone has it.
//
// Each keepalive has the digest of the sender's set and that of the receiver's as the sender holds
// it (option 7).  While the two differ, the sender sends pages (Gue::Control::services): what to
// add to the set that the receiver holds, or to take from it, to have the sender's.  Big endian:
//     0  digest of the set that it changes (32), 0: of none     4  digest of what it becomes (32)
//     8  page (16)     10  pages (16)     12  keys (64 each) that are in one of the two alone
// The next keepalive's digest acknowledges it.  A service's key is a hash of protocol, VIP and
// port.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/address.h"

namespace rehome::vipd {

uint64_t service_key(uint8_t protocol, const Endpoint& vip);

class ReadyServices {
public:
    ReadyServices() = default;
    explicit ReadyServices(std::vector<uint64_t> keys);

    bool has(uint64_t key) const;
    uint32_t digest() const { return digest_; }                  // 0: there are none
    const std::vector<uint64_t>& keys() const { return keys_; }  // sorted

private:
    std::vector<uint64_t> keys_;
    uint32_t digest_ = 0;
};

struct ServicesPage {
    uint32_t from = 0, to = 0;  // digests
    uint16_t page = 0, pages = 1;
    std::vector<uint64_t> keys;

    bool operator==(const ServicesPage&) const = default;
};

inline constexpr size_t services_page_keys = 160;
inline constexpr uint16_t services_pages_max = 1024;

// From one set to another; at least one page.
std::vector<ServicesPage> pages_between(const ReadyServices& from, const ReadyServices& to);

std::vector<uint8_t> encode(const ServicesPage& page);
// Nothing when it is no page.
std::optional<ServicesPage> decode_services_page(std::span<const uint8_t> bytes);

// A peer's set, put together from its pages.
class HeardServices {
public:
    // True: the set is another one now.
    bool hear(const ServicesPage& page);
    // Null: none is known.
    const std::shared_ptr<const ReadyServices>& held() const { return held_; }

private:
    uint32_t held_digest() const { return held_ ? held_->digest() : 0; }

    std::shared_ptr<const ReadyServices> held_;
    uint32_t from_ = 0, to_ = 0;
    std::map<uint16_t, std::vector<uint64_t>> pages_;  // of that change, so far
};

}  // namespace rehome::vipd
