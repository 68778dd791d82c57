#include "vipd/path/tell_flows.h"

#include <algorithm>

#include "vipd/packet/hash.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

constexpr Micros round_every = 1'000'000;
constexpr uint32_t pages_a_tick = 2;  // of all workers together: some 2 Mbit/s
constexpr uint32_t looks_least = 4096;
constexpr uint32_t looks_a_round = 1000;  // 10 s of one every 10 ms

bool anybody_hears(const View& view) {
    const auto& peers = view.snapshot.peers;
    return std::any_of(peers.begin(), peers.end(),
                       [](const Snapshot::Peer& p) { return p.up && p.hears_flows; });
}

}  // namespace

void FlowsTeller::begin(const Hands& hands, Micros now) {
    const uint64_t keys = hands.flows.served() + hands.flows.served() / 4;  // some may come
    const auto pages = static_cast<uint32_t>(
        std::min<uint64_t>(keys / Bloom::keys_a_page + 1, FlowsPage::pages_max));
    const uint32_t round = page_.round + 1;
    page_ = {static_cast<uint8_t>(worker_),
             static_cast<uint8_t>(workers_),
             mix(salt_ + round),
             round,
             0,
             pages};
    bloom_.emplace(pages, Bloom::Begin::empty);
    looked_ = false;
    place_ = 0;
    next_round_ = now + round_every;
}

void FlowsTeller::look(Hands& hands) {
    const uint64_t until = place_ + std::max(looks_least, hands.flows.size() / looks_a_round);
    while (const Flow* flow = hands.flows.next(place_, until)) {
        if (flow->served && flow->tcp()) {
            bloom_->add(flow->key().hash(page_.salt));
        }
    }
    looked_ = place_ < until;
}

void FlowsTeller::send(const View& view, Hands& hands) {
    const uint32_t count = std::max(1U, pages_a_tick / workers_);
    for (uint32_t i = 0; i < count && page_.page < page_.pages; ++i, ++page_.page) {
        std::copy_n(bloom_->page(page_.page).begin(), Bloom::page_bytes, page_.bytes.begin());
        const auto bytes = encode(page_);
        for (size_t peer = 0; peer < view.snapshot.peers.size(); ++peer) {
            if (view.snapshot.peers[peer].up && view.snapshot.peers[peer].hears_flows) {
                send_control(view, hands, peer, Gue::Control::flows, bytes);
            }
        }
    }
    if (page_.page == page_.pages) {
        bloom_.reset();
    }
}

void FlowsTeller::tick(const View& view, Hands& hands) {
    if (!anybody_hears(view)) {
        bloom_.reset();
    } else if (!bloom_) {
        if (view.now >= next_round_) {
            begin(hands, view.now);
        }
    } else if (!looked_) {
        look(hands);
    } else {
        send(view, hands);
    }
}

}  // namespace rehome::vipd
