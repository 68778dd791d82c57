// What the classifier said about keys that come again: packets under maps, which have no entry that
// stands for the answer.
//
// A table of fixed size, in sets of a cache line or two.  A burst's sets are fetched together, and
// what is not in them is asked of the classifier together, and takes the place of another key of
// its set, in turns.  Keys are compared whole.  A set is of one generation: when other rules are in
// force it holds nothing, without having been touched.
//
// Nobody outside knows how keys are hashed, to aim at one set.  Who sends from ever other addresses
// makes those of others be forgotten, which costs them the look in vain, as it costs him.
//
// One worker's own: no locks.  Memory is touched only as it is used.  Pure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "vipd/access/classifier.h"
#include "vipd/flow/huge_array.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

// memory: in bytes; tests have less.
template <size_t address_bytes, size_t memory = size_t{32} << 20>
class AccessMemo {
public:
    using Key = AccessKey<address_bytes>;
    static constexpr size_t at_once = 64;

    explicit AccessMemo(uint64_t hash_key)
        : sets_(sets), hash_key_(mix(hash_key)), multiplier_(mix(hash_key_) | 1) {}

    // Other rules are in force from now on: another classifier is asked.  (A generation comes again
    // after 2^32 of them.)
    void forget() { ++generation_; }

    static constexpr size_t ways = address_bytes == 4 ? 5 : 3;
    using Addresses = std::array<uint64_t, address_bytes / 4>;
    struct alignas(64) Set {
        std::array<Addresses, ways> addresses;
        std::array<uint32_t, ways> rest;  // port and protocol, and what is kept
        uint32_t generation;
    };
    static_assert(sizeof(Set) == (address_bytes == 4 ? 64 : 128));
    static constexpr size_t sets = memory / sizeof(Set);

    // Where a key would be.
    struct Place {
        Set* set;
        uint32_t rest;  // the key's port and protocol, with nothing kept
        uint32_t way;   // that it stands in where it can
    };
    // Fetches it: find() comes later.
    Place fetch(const Key& key) {
        const bool udp = key.bytes[0] == static_cast<uint8_t>(Protocol::udp);
        const uint32_t rest =
            uint32_t{load16(&key.bytes[Key::port_at])} << 16 | (udp ? kept_max + 1 : 0);
        uint64_t hash = multiplier_ ^ rest;
        for (const uint64_t word : addresses_of(key)) {
            hash = fold_multiply(hash, word ^ hash_key_);
        }
        Set* set = &sets_[hash % sets];
        for (size_t at = 0; at < sizeof(Set); at += 64) {
            __builtin_prefetch(reinterpret_cast<const uint8_t*>(set) + at);
        }
        return {set, rest, static_cast<uint32_t>((hash >> 32) * ways >> 32)};
    }
    // What the classifier finds about each key (Classifier::find).  At most at_once; of TCP and UDP
    // alone.
    void find(const Classifier& classifier, std::span<const Key> keys, const Place* places,
              uint32_t* rules) {
        std::array<uint8_t, at_once> missed;
        size_t count = 0;
        for (size_t i = 0; i < keys.size(); ++i) {
            const uint32_t said = said_of(places[i], keys[i]);
            rules[i] = said - rule_0;
            missed[count] = static_cast<uint8_t>(i);
            count += said == nothing ? 1 : 0;
        }
        if (count > 0) [[unlikely]] {
            ask(classifier, keys, places, std::span(missed).first(count), rules);
        }
    }

private:
    // What is kept about a key, in 15 bits.
    static constexpr uint32_t nothing = 0, none = 1, rule_0 = 2, kept_max = 0x7fff;
    static_assert(none - rule_0 == Classifier::none);

    static Addresses addresses_of(const Key& key) {
        Addresses addresses;
        std::memcpy(addresses.data(), &key.bytes[Key::client_at], sizeof addresses);
        return addresses;
    }
    uint32_t said_of(const Place& place, const Key& key) const {
        const Set& set = *place.set;
        const Addresses addresses = addresses_of(key);
        const uint32_t kept = set.rest[place.way] ^ place.rest;
        const bool there = ((kept & ~kept_max) | (set.generation ^ generation_)) == 0 &&
                           set.addresses[place.way] == addresses;
        return there ? kept : elsewhere(set, addresses, place.rest);
    }
    // Without a branch by what is where, which nobody could foretell.
    uint32_t elsewhere(const Set& set, const Addresses& addresses, uint32_t rest) const {
        uint32_t said = nothing;
        for (size_t way = 0; way < ways; ++way) {
            const uint32_t kept = set.rest[way] ^ rest;
            uint64_t differs = kept & ~kept_max;
            for (size_t word = 0; word < addresses.size(); ++word) {
                differs |= set.addresses[way][word] ^ addresses[word];
            }
            said |= kept & (uint32_t{differs != 0} - 1);
        }
        return set.generation == generation_ ? said : nothing;
    }

    [[gnu::noinline]] void ask(const Classifier& classifier, std::span<const Key> keys,
                               const Place* places, std::span<const uint8_t> missed,
                               uint32_t* rules) {
        std::array<Key, at_once> asked;
        std::array<uint32_t, at_once> found;
        for (size_t i = 0; i < missed.size(); ++i) {
            asked[i] = keys[missed[i]];
        }
        classifier.find(std::span(asked).first(missed.size()), found.data());
        for (size_t i = 0; i < missed.size(); ++i) {
            rules[missed[i]] = found[i];
            keep(places[missed[i]], asked[i], found[i] + rule_0);
        }
    }

    void keep(const Place& place, const Key& key, uint32_t said) {
        Set& set = *place.set;
        if (said > kept_max) {
            return;  // a rule of a very high number
        }
        if (set.generation != generation_) {
            set.generation = generation_;
            set.rest = {};
        }
        const auto free = [&](size_t way) { return (set.rest[way] & kept_max) == nothing; };
        size_t into = place.way;
        if (!free(into)) {
            into = turn_++ % ways;
            for (size_t way = 0; way < ways; ++way) {
                into = free(way) ? way : into;
            }
        }
        set.addresses[into] = addresses_of(key);
        set.rest[into] = place.rest | said;
    }

    HugeArray<Set> sets_;
    uint64_t hash_key_, multiplier_;
    uint32_t generation_ = 1;  // sets begin with 0
    uint32_t turn_ = 0;
};

}  // namespace rehome::vipd
