// build() sweeps the routes in address order with a stack of the prefixes that enclose the place it
// is at.  A prefix changes the answer at its first address, and back behind its last one.
#include "vipd/route/fib.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

template <typename K>
K key_of(const Address& address);

template <>
uint32_t key_of(const Address& address) {
    return address.v4_host_order();
}

template <>
WideNumber key_of(const Address& address) {
    return wide(address.bytes);
}

template <typename K>
K last_of(K first, unsigned length) {
    return length == 8 * sizeof(K) ? first : static_cast<K>(first | ~K{0} >> length);
}

// The next key; false: there is none.
template <typename K>
bool advance(K& key) {
    return ++key != 0;
}

template <typename K>
struct Enclosing {
    K last;
    uint32_t answer;
};

// Fills starts and answers from prefixes that come in address order, the wider first.
template <typename K>
class Sweep {
public:
    Sweep(std::vector<K>& starts, std::vector<uint32_t>& answers)
        : starts_(starts), answers_(answers) {}

    void enter(const Prefix& prefix, uint32_t answer) {
        const K first = key_of<K>(prefix.address);
        leave_before(&first);
        mark(first, answer);
        open_.push_back({last_of(first, prefix.length), answer});
    }

    void finish() { leave_before(nullptr); }

private:
    // Leaves the prefixes that end before that address (null: all).
    void leave_before(const K* first) {
        while (!open_.empty() && (!first || open_.back().last < *first)) {
            K behind = open_.back().last;
            open_.pop_back();
            if (advance(behind)) {
                mark(behind, open_.empty() ? 0 : open_.back().answer);
            }
        }
    }

    void mark(const K& start, uint32_t answer) {
        if (!starts_.empty() && starts_.back() == start) {
            starts_.pop_back();
            answers_.pop_back();
        }
        const uint32_t before = answers_.empty() ? 0 : answers_.back();
        if (answer != before) {
            starts_.push_back(start);
            answers_.push_back(answer);
        }
    }

    std::vector<K>& starts_;
    std::vector<uint32_t>& answers_;
    std::vector<Enclosing<K>> open_;
};

}  // namespace

void Fib::divide_v4() {
    auto& [starts, answers] = v4_;
    if (starts.empty()) {
        return;
    }
    if (starts[0] != 0) {
        starts.insert(starts.begin(), 0);
        answers.insert(answers.begin(), 0);
    }
    blocks_.resize((1U << 16) + 1);
    uint32_t at = 0;
    for (uint32_t block = 0; block < 1U << 16; ++block) {
        while (at + 1 < starts.size() && starts[at + 1] <= block << 16) {
            ++at;
        }
        blocks_[block] = at;
    }
    blocks_.back() = static_cast<uint32_t>(starts.size() - 1);
}

std::optional<Hop> Fib::lookup(const Address& destination) const {
    const uint32_t answer = destination.family == Family::v4 ? find_v4(destination.v4_host_order())
                                                             : find_v6(destination.bytes);
    if (answer == 0) {
        return std::nullopt;
    }
    const Via& via = vias_[answer - 1];
    return Hop{*via.port, via.gateway.value_or(destination), via.vlan};
}

void RouteTable::set(const Key& key, const Via& via) {
    const auto [number, is_new] = numbers_.try_emplace(via, static_cast<uint32_t>(vias_.size()));
    if (is_new) {
        vias_.push_back(via);
    }
    routes_[key] = number->second;
}

bool RouteTable::remove(const Key& key) {
    return routes_.erase(key) > 0;
}

Fib RouteTable::build() const {
    Fib fib;
    std::vector<uint32_t> answers(vias_.size());  // of each way that is used; 0: not yet
    Sweep v4(fib.v4_.starts, fib.v4_.answers);
    Sweep v6(fib.v6_.starts, fib.v6_.answers);
    const Prefix* before = nullptr;
    for (const auto& [key, number] : routes_) {
        if (before && *before == key.prefix) {
            continue;  // a higher metric
        }
        before = &key.prefix;
        uint32_t answer = 0;  // an answer too: it shadows what encloses it
        if (vias_[number].port) {
            if (answers[number] == 0) {
                fib.vias_.push_back(vias_[number]);
                answers[number] = static_cast<uint32_t>(fib.vias_.size());
            }
            answer = answers[number];
        }
        if (key.prefix.address.family == Family::v4) {
            v4.enter(key.prefix, answer);
        } else {
            v6.enter(key.prefix, answer);
        }
    }
    v4.finish();
    v6.finish();
    fib.divide_v4();
    return fib;
}

const Neighbour* Neighbours::find(const Hop& hop) const {
    const auto found = entries_.find(hop);
    return found == entries_.end() ? nullptr : &found->second;
}

bool Neighbours::set(const Hop& hop, const Neighbour& neighbour) {
    const auto [entry, is_new] = entries_.try_emplace(hop, neighbour);
    if (is_new || entry->second == neighbour) {
        return is_new;
    }
    entry->second = neighbour;
    return true;
}

bool Neighbours::remove(const Hop& hop) {
    return entries_.erase(hop) > 0;
}

}  // namespace rehome::vipd
