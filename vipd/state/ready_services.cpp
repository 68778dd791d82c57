#include "vipd/state/ready_services.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr size_t header_bytes = 12;

std::vector<uint64_t> difference(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
    std::vector<uint64_t> out;
    std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
}

}  // namespace

uint64_t service_key(uint8_t protocol, const Endpoint& vip) {
    std::array<uint8_t, 20> bytes{};
    std::copy(vip.address.bytes.begin(), vip.address.bytes.end(), bytes.begin());
    store16(&bytes[16], vip.port);
    bytes[18] = protocol;
    bytes[19] = static_cast<uint8_t>(vip.address.family);
    return hash_bytes(bytes, HashKey::service);
}

ReadyServices::ReadyServices(std::vector<uint64_t> keys) : keys_(std::move(keys)) {
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    for (const uint64_t key : keys_) {
        digest_ ^= static_cast<uint32_t>(mix(key));
    }
}

bool ReadyServices::has(uint64_t key) const {
    return std::binary_search(keys_.begin(), keys_.end(), key);
}

std::vector<ServicesPage> pages_between(const ReadyServices& from, const ReadyServices& to) {
    const auto keys = difference(from.keys(), to.keys());
    const size_t pages =
        std::max<size_t>(1, (keys.size() + services_page_keys - 1) / services_page_keys);
    std::vector<ServicesPage> out;
    for (size_t i = 0; i < std::min<size_t>(pages, services_pages_max); ++i) {
        const auto first = keys.begin() + static_cast<long>(i * services_page_keys);
        const auto count = std::min(services_page_keys, keys.size() - i * services_page_keys);
        out.push_back({from.digest(),
                       to.digest(),
                       static_cast<uint16_t>(i),
                       static_cast<uint16_t>(pages),
                       {first, first + static_cast<long>(count)}});
    }
    return out;
}

std::vector<uint8_t> encode(const ServicesPage& page) {
    std::vector<uint8_t> out(header_bytes + page.keys.size() * 8);
    store32(&out[0], page.from);
    store32(&out[4], page.to);
    store16(&out[8], page.page);
    store16(&out[10], page.pages);
    for (size_t i = 0; i < page.keys.size(); ++i) {
        store64(&out[header_bytes + i * 8], page.keys[i]);
    }
    return out;
}

std::optional<ServicesPage> decode_services_page(std::span<const uint8_t> bytes) {
    if (bytes.size() < header_bytes || (bytes.size() - header_bytes) % 8 != 0 ||
        (bytes.size() - header_bytes) / 8 > services_page_keys) {
        return std::nullopt;
    }
    ServicesPage page{
        load32(&bytes[0]), load32(&bytes[4]), load16(&bytes[8]), load16(&bytes[10]), {}};
    if (page.pages == 0 || page.pages > services_pages_max || page.page >= page.pages) {
        return std::nullopt;
    }
    for (size_t at = header_bytes; at < bytes.size(); at += 8) {
        page.keys.push_back(uint64_t{load32(&bytes[at])} << 32 | load32(&bytes[at + 4]));
    }
    return page;
}

bool HeardServices::hear(const ServicesPage& page) {
    const bool applies = page.from == 0 || page.from == held_digest();
    if (!applies || (held_ && page.to == held_->digest())) {
        return false;
    }
    if (page.from != from_ || page.to != to_) {
        pages_.clear();
        from_ = page.from;
        to_ = page.to;
    }
    pages_[page.page] = page.keys;
    if (pages_.size() != page.pages) {
        return false;
    }
    std::vector<uint64_t> changed;
    for (const auto& [number, keys] : pages_) {
        changed.insert(changed.end(), keys.begin(), keys.end());
    }
    pages_.clear();
    std::sort(changed.begin(), changed.end());
    static const std::vector<uint64_t> none;
    ReadyServices made(difference(from_ == 0 || !held_ ? none : held_->keys(), changed));
    if (made.digest() != to_) {
        return false;  // it is sent again
    }
    held_ = std::make_shared<const ReadyServices>(std::move(made));
    return true;
}

}  // namespace rehome::vipd
