#include "vipd/state/known_flows.h"

#include <algorithm>
#include <utility>

#include "vipd/packet/bytes.h"
#include "vipd/packet/rss.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t page_version = 1;
constexpr size_t fixed_bytes = FlowsPage::message_bytes - Bloom::page_bytes;

}  // namespace

std::vector<uint8_t> encode(const FlowsPage& page) {
    std::vector<uint8_t> out(FlowsPage::message_bytes);
    out[0] = page_version;
    out[1] = page.worker;
    out[2] = page.workers;
    store32(&out[4], static_cast<uint32_t>(page.salt >> 32));
    store32(&out[8], static_cast<uint32_t>(page.salt));
    store32(&out[12], page.round);
    store32(&out[16], page.page);
    store32(&out[20], page.pages);
    std::copy(page.bytes.begin(), page.bytes.end(), out.begin() + fixed_bytes);
    return out;
}

std::optional<FlowsPage> decode_flows_page(std::span<const uint8_t> bytes) {
    if (bytes.size() != FlowsPage::message_bytes || bytes[0] != page_version) {
        return std::nullopt;
    }
    FlowsPage page;
    page.worker = bytes[1];
    page.workers = bytes[2];
    page.salt = uint64_t{load32(&bytes[4])} << 32 | load32(&bytes[8]);
    page.round = load32(&bytes[12]);
    page.page = load32(&bytes[16]);
    page.pages = load32(&bytes[20]);
    std::copy(bytes.begin() + fixed_bytes, bytes.end(), page.bytes.begin());
    const bool whole = page.workers <= FlowsPage::workers_max && page.worker < page.workers &&
                       page.pages <= FlowsPage::pages_max && page.page < page.pages;
    return whole ? std::optional(page) : std::nullopt;
}

bool KnownFlows::may_know(const FlowKey& key) const {
    const auto& filter =
        of_workers[rss_queue(rss_hash(key.client), static_cast<uint32_t>(of_workers.size()))];
    return filter == nullptr || filter->bloom.may_have(key.hash(filter->salt));
}

// The worker's filter is as whole as it gets.
void FlowsPages::put(uint8_t worker) {
    auto known = whole_ == nullptr || whole_->of_workers.size() != building_.size()
                     ? std::make_shared<KnownFlows>()
                     : std::make_shared<KnownFlows>(*whole_);
    known->of_workers.resize(building_.size());
    known->of_workers[worker] = std::move(building_[worker].filter);
    whole_ = std::move(known);
}

bool FlowsPages::take(const FlowsPage& page) {
    if (building_.size() != page.workers) {
        building_.clear();  // the peer was restarted with other workers
        building_.resize(page.workers);
    }
    Building& b = building_[page.worker];
    bool changed = false;
    const bool same = b.salt == page.salt && b.round == page.round && b.there.size() == page.pages;
    if (!same) {
        if (b.filter != nullptr) {
            put(page.worker);  // its other pages are lost
            changed = true;
        }
        b = {page.salt, page.round, std::vector<bool>(page.pages), page.pages,
             std::make_unique<KnownFlows::Filter>(
                 KnownFlows::Filter{page.salt, Bloom(page.pages, Bloom::Begin::full)})};
    }
    if (b.filter == nullptr || b.there[page.page]) {
        return changed;
    }
    std::copy(page.bytes.begin(), page.bytes.end(), b.filter->bloom.page(page.page).begin());
    b.there[page.page] = true;
    if (--b.missing == 0) {
        put(page.worker);
        changed = true;
    }
    return changed;
}

}  // namespace rehome::vipd
