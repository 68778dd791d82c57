#include "vipd/path/tell_services.h"

#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

constexpr size_t sets_kept = 8;
constexpr size_t pages_at_once = 16;

}  // namespace

// The set with that digest, if it was told before; none otherwise.
const ReadyServices& ServicesTeller::held(uint32_t digest) const {
    static const ReadyServices none;
    for (const auto& set : said_) {
        if (set->digest() == digest) {
            return *set;
        }
    }
    return none;
}

void ServicesTeller::tell(const View& view, Hands& hands, size_t peer) {
    const uint32_t from = view.snapshot.peers[peer].services_held;
    const ReadyServices& ready = *view.snapshot.served->ready();
    Telling& telling = telling_[peer];
    if (telling.pages.empty() || telling.from != from || telling.to != ready.digest()) {
        telling = {from, ready.digest(), pages_between(held(from), ready), 0};
    }
    const size_t count = std::min(pages_at_once, telling.pages.size());
    for (size_t i = 0; i < count; ++i, ++telling.next) {
        send_control(view, hands, peer, Gue::Control::services,
                     encode(telling.pages[telling.next % telling.pages.size()]));
    }
}

void ServicesTeller::tell(const View& view, Hands& hands) {
    const auto& ready = view.snapshot.served->ready();
    if (said_.empty() || said_.front() != ready) {
        said_.push_front(ready);
        said_.resize(std::min(said_.size(), sets_kept));
    }
    telling_.resize(view.tables.peers().size());
    for (size_t i = 0; i < telling_.size(); ++i) {
        const Snapshot::Peer& peer = view.snapshot.peers[i];
        if (peer.up && peer.hears_services && peer.services_held != ready->digest()) {
            tell(view, hands, i);
        } else {
            telling_[i] = {};
        }
    }
}

}  // namespace rehome::vipd
