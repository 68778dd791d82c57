#include "vipd/access/limits.h"

#include <algorithm>
#include <cmath>

#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t none = UINT32_MAX;
constexpr unsigned ways = 4;
constexpr unsigned tag_bits = 16;  // of a place; the rest is a time in microseconds
constexpr uint64_t time_mask = UINT64_MAX >> tag_bits;

uint64_t hash_of_prefix(const Address& client, unsigned length, uint64_t key) {
    std::array<uint8_t, 16> bytes{};
    for (unsigned i = 0; i * 8 < length; ++i) {
        const unsigned left = std::min(8U, length - i * 8);
        bytes[i] = static_cast<uint8_t>(client.bytes[i] & (0xff00U >> left));
    }
    return hash_bytes(bytes, key ^ static_cast<uint64_t>(client.family));
}

}  // namespace

Limits::Pace::Pace(const FlowRate& rate)
    : each(1e6 / rate.per_s), ahead(each * (std::max(rate.burst, 1.0) - 1)) {}

std::shared_ptr<const Limits> Limits::make(const AccessRules& rules,
                                           const std::vector<Service>& services, uint32_t numbers,
                                           uint64_t key) {
    if (rules.limits.empty() && rules.admission.all()) {
        return nullptr;
    }
    auto made = std::make_shared<Limits>();
    made->admission_ = rules.admission;
    made->hash_key_ = key;
    const LimitRules& limits = rules.limits;
    if (limits.clients) {
        made->of_clients_ = true;
        made->clients_ = *limits.clients;
        made->clients_pace_ = Pace(limits.clients->rate);
        made->places_ = std::make_unique<std::atomic<uint64_t>[]>(client_places);
        std::vector<Prefix> except;
        for (const LimitRules::Except& one : limits.except) {
            for (const Prefix& prefix : one.clients) {
                except.push_back(prefix);
                made->except_paces_.push_back(one.rate ? std::optional(Pace(*one.rate))
                                                       : std::nullopt);
            }
        }
        made->except_ = ClientRanges(except);
    }
    made->of_service_.assign(numbers, none);
    made->of_vip_.assign(numbers, none);
    made->buckets_ = std::make_unique<Bucket[]>(limits.services.size() + limits.vips.size());
    uint32_t bucket = 0;
    for (const LimitRules::Named& one : limits.services) {
        made->buckets_[bucket].pace = Pace(one.rate);
        for (const Service& service : services) {
            if (service.name == one.service) {
                made->of_service_[service.number] = bucket;
            }
        }
        ++bucket;
    }
    for (const LimitRules::OfVip& one : limits.vips) {
        made->buckets_[bucket].pace = Pace(one.rate);
        for (const Service& service : services) {
            if (service.vip == one.vip) {
                made->of_vip_[service.number] = bucket;
            }
        }
        ++bucket;
    }
    return made;
}

bool Limits::admits(const Address& client) const {
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), client.bytes.data(), sizeof words);
    const uint64_t upper = hash_client(words[0], words[1], 0, HashKey::admission) >> 32;
    return (upper * 10'000 >> 32) < admission_.hundredths;
}

bool Limits::has(const Bucket* bucket, Micros now) const {
    return bucket == nullptr || bucket->full_at.load(std::memory_order_relaxed) <=
                                    static_cast<double>(now) + bucket->pace.ahead;
}

void Limits::move_on(const Bucket* bucket, Micros now) const {
    if (bucket == nullptr) {
        return;
    }
    double full_at = bucket->full_at.load(std::memory_order_relaxed);
    while (!bucket->full_at.compare_exchange_weak(
        full_at, std::max(full_at, static_cast<double>(now)) + bucket->pace.each,
        std::memory_order_relaxed)) {
    }
}

// A place is the prefix's tag and when its bucket is full again.
bool Limits::take_of_client(const Address& client, Micros now, bool counts) const {
    const uint32_t range = except_.find(client);
    if (range != ClientRanges::none && !except_paces_[range]) {
        return true;
    }
    const Pace& pace = range == ClientRanges::none ? clients_pace_ : *except_paces_[range];
    // Who is excepted shares a bucket with nobody who is not, be their prefix the same: that one's
    // pace is another.
    const uint64_t apart =
        range == ClientRanges::none ? 0 : (uint64_t{range} + 1) * 0x9e37'79b9'7f4a'7c15;
    const uint64_t hash = hash_of_prefix(
        client, client.family == Family::v4 ? clients_.v4_length : clients_.v6_length,
        hash_key_ ^ apart);
    const uint64_t tag = hash << (64 - tag_bits);
    std::atomic<uint64_t>* const set = &places_[(hash >> 32) % (client_places / ways) * ways];
    const auto time = static_cast<uint64_t>(now);
    const auto each = std::max<uint64_t>(1, static_cast<uint64_t>(std::lround(pace.each)));
    while (true) {
        std::atomic<uint64_t>* place = set;
        uint64_t held = set->load(std::memory_order_relaxed);
        for (unsigned i = 0; i < ways; ++i) {
            const uint64_t other = set[i].load(std::memory_order_relaxed);
            if ((other & ~time_mask) == tag) {
                place = &set[i];
                held = other;
                break;
            }
            if ((other & time_mask) < (held & time_mask)) {
                place = &set[i];
                held = other;
            }
        }
        const uint64_t full_at = (held & ~time_mask) == tag ? held & time_mask : 0;
        if (static_cast<double>(full_at) > static_cast<double>(time) + pace.ahead) {
            return false;
        }
        const uint64_t moved_on = tag | ((std::max(full_at, time) + each) & time_mask);
        if (!counts || place->compare_exchange_weak(held, moved_on, std::memory_order_relaxed)) {
            return true;
        }
    }
}

std::optional<Drop> Limits::take(const FlowKey& key, uint32_t service, Micros now,
                                 bool counts) const {
    const auto bucket = [&](const std::vector<uint32_t>& of) -> const Bucket* {
        const uint32_t number = service < of.size() ? of[service] : none;
        return number == none ? nullptr : &buckets_[number];
    };
    const Bucket* const of_service = bucket(of_service_);
    const Bucket* const of_vip = bucket(of_vip_);
    if (!has(of_service, now)) {
        return Drop::service_limit;
    }
    if (!has(of_vip, now)) {
        return Drop::vip_limit;
    }
    if (of_clients_ && !take_of_client(key.client.address, now, counts)) {
        return Drop::client_limit;
    }
    if (counts) {
        move_on(of_service, now);
        move_on(of_vip, now);
    }
    return std::nullopt;
}

}  // namespace rehome::vipd
