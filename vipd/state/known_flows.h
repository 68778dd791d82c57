// Which flows a peer may know: what it tells of them, page by page, and what is made of that.
//
// Each of its workers makes a Bloom filter of the TCP flows that its site's servers have, again and
// again, and sends it in pages beside the keepalives (GUE control type 3), to peers that offer to
// hear them.  A page, big endian:
//     0  version = 1    1  worker    2  workers    3  0
//     4  salt (64)     12  round (32)     16  page (32)     20  pages (32)     24  Bloom's bytes
//
// A worker's clients are those whose address and port hash to it (packet/rss.h), and a flow's key
// in its filter is FlowKey::hash of the salt.  A page that is lost has every flow.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vipd/flow/bloom.h"
#include "vipd/flow/flow.h"

namespace rehome::vipd {

struct FlowsPage {
    static constexpr size_t message_bytes = 24 + Bloom::page_bytes;
    static constexpr uint32_t pages_max = 16'384;  // some 14,000,000 flows
    static constexpr uint8_t workers_max = 16;

    uint8_t worker = 0, workers = 1;  // which of so many
    uint64_t salt = 0;
    uint32_t round = 0;
    uint32_t page = 0, pages = 1;  // which of so many
    std::array<uint8_t, Bloom::page_bytes> bytes{};

    bool operator==(const FlowsPage&) const = default;
};

std::vector<uint8_t> encode(const FlowsPage& page);
// Nothing when it is no whole page of this version.
std::optional<FlowsPage> decode_flows_page(std::span<const uint8_t> bytes);

// All that a peer has told, whole filters alone.
struct KnownFlows {
    struct Filter {
        uint64_t salt = 0;
        Bloom bloom;
    };
    std::vector<std::shared_ptr<const Filter>> of_workers;  // null: nothing is known of its flows

    bool may_know(const FlowKey& key) const;
};

// Puts a peer's pages together.
class FlowsPages {
public:
    // True: whole() has changed.
    bool take(const FlowsPage& page);
    // Null before the first filter.
    const std::shared_ptr<const KnownFlows>& whole() const { return whole_; }

private:
    struct Building {
        uint64_t salt = 0;
        uint32_t round = 0;
        std::vector<bool> there;  // by page
        uint32_t missing = 0;
        std::unique_ptr<KnownFlows::Filter> filter;
    };

    void put(uint8_t worker);

    std::vector<Building> building_;  // by worker
    std::shared_ptr<const KnownFlows> whole_;
};

}  // namespace rehome::vipd
