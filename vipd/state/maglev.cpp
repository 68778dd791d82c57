#include "vipd/state/maglev.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

uint64_t hash_name(const std::string& name, HashKey key) {
    return hash_bytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}, key);
}

// One server's walk through the slots in the order of its permutation.
struct Walk {
    uint16_t server;
    uint32_t weight;
    uint32_t left;  // how many slots it is still to get
    uint32_t next;
    uint32_t skip;
};

// Servers of one weight take their turns together: the k-th at the time (k + 1/2) / weight, so that
// who comes before whom does not depend on what other servers there are.
struct Class {
    uint32_t begin;  // in the walks
    uint32_t end;
    uint64_t weight;
    uint64_t turn = 1;  // 2k + 1

    bool later_than(const Class& other) const {
        const uint64_t mine = turn * other.weight;
        const uint64_t theirs = other.turn * weight;
        return mine != theirs ? mine > theirs : begin > other.begin;
    }
};

// Each server's weight's share of the slots, rounded down; then one more to those that lost most by
// it, until all slots are shared out.
void share_out(std::vector<Walk>& walks, uint32_t size) {
    uint64_t total = 0;
    for (const Walk& walk : walks) {
        total += walk.weight;
    }
    uint32_t rest = size;
    std::vector<std::pair<uint64_t, size_t>> lost;
    for (size_t i = 0; i < walks.size(); ++i) {
        const uint64_t share = uint64_t{walks[i].weight} * size;
        walks[i].left = static_cast<uint32_t>(share / total);
        rest -= walks[i].left;
        lost.emplace_back(total - share % total, i);
    }
    std::sort(lost.begin(), lost.end());
    for (uint32_t i = 0; i < rest; ++i) {
        ++walks[lost[i].second].left;
    }
}

// The heaviest first, then by name: nothing may depend on how a configuration lists the servers, or
// two gateways would disagree.
std::vector<Walk> start_walks(std::span<const MaglevServer> servers, uint32_t size) {
    std::vector<Walk> walks;
    for (size_t i = 0; i < servers.size(); ++i) {
        const auto& server = servers[i];
        if (server.weight > 0) {
            walks.push_back(
                {static_cast<uint16_t>(i), server.weight, 0,
                 static_cast<uint32_t>(hash_name(server.name, HashKey::maglev_offset) % size),
                 static_cast<uint32_t>(hash_name(server.name, HashKey::maglev_skip) % (size - 1)) +
                     1});
        }
    }
    std::sort(walks.begin(), walks.end(), [&](const Walk& a, const Walk& b) {
        return a.weight != b.weight ? a.weight > b.weight
                                    : servers[a.server].name < servers[b.server].name;
    });
    share_out(walks, size);
    return walks;
}

// Which slots are taken, a bit each, so that the walks stay in the first-level cache.
class Slots {
public:
    explicit Slots(uint32_t size) : table_(size, no_slot), taken_(size / 64 + 1) {}

    void take(Walk& walk) {
        const auto size = static_cast<uint32_t>(table_.size());
        uint32_t at = walk.next;
        while ((taken_[at / 64] >> at % 64 & 1) != 0) {
            at += walk.skip;
            at -= at >= size ? size : 0;
        }
        taken_[at / 64] |= uint64_t{1} << at % 64;
        table_[at] = walk.server;
        walk.next = at;
        --walk.left;
    }

    MaglevTable table() && { return std::move(table_); }

private:
    MaglevTable table_;
    std::vector<uint64_t> taken_;
};

std::vector<Class> classes_of(const std::vector<Walk>& walks) {
    std::vector<Class> classes;
    for (uint32_t i = 0; i < walks.size(); ++i) {
        if (classes.empty() || classes.back().weight != walks[i].weight) {
            classes.push_back({i, i, walks[i].weight});
        }
        classes.back().end = i + 1;
    }
    return classes;
}

MaglevTable fill_base(std::span<const MaglevServer> servers, uint32_t size) {
    Slots slots(size);
    auto walks = start_walks(servers, size);
    auto waiting = classes_of(walks);
    const auto later = [](const Class& a, const Class& b) { return a.later_than(b); };
    std::make_heap(waiting.begin(), waiting.end(), later);
    while (!waiting.empty()) {
        std::pop_heap(waiting.begin(), waiting.end(), later);
        Class& next = waiting.back();
        bool go_on = false;
        for (uint32_t i = next.begin; i < next.end; ++i) {
            if (walks[i].left > 0) {
                slots.take(walks[i]);
                go_on = go_on || walks[i].left > 0;
            }
        }
        if (go_on) {
            next.turn += 2;
            std::push_heap(waiting.begin(), waiting.end(), later);
        } else {
            waiting.pop_back();
        }
    }
    return std::move(slots).table();
}

// Who takes over the slots of servers that are not live.
class Substitutes {
public:
    Substitutes(std::span<const MaglevServer> servers, const MaglevTable& base)
        : servers_(servers), base_(base) {
        for (size_t i = 0; i < servers.size(); ++i) {
            if (servers[i].live && servers[i].weight > 0) {
                live_.push_back({static_cast<uint16_t>(i), servers[i].weight,
                                 hash_name(servers[i].name, HashKey::refill)});
            }
        }
        std::sort(live_.begin(), live_.end(), [&](const Live& a, const Live& b) {
            return a.weight != b.weight ? a.weight > b.weight
                                        : servers[a.server].name < servers[b.server].name;
        });
    }

    uint16_t of(uint32_t slot) const {
        const uint64_t key = mix(static_cast<uint64_t>(HashKey::refill) ^ slot);
        for (uint64_t draw = 0; draw < draws; ++draw) {
            const uint64_t upper = mix(key + draw) >> 32;
            const uint16_t server = base_[upper * base_.size() >> 32];
            if (servers_[server].live) {
                return server;
            }
        }
        return rendezvous(key);
    }

private:
    // With half of the servers live, one slot in 65,536 comes to its rendezvous; with few, their
    // rendezvous is short.
    static constexpr uint64_t draws = 16;

    struct Live {
        uint16_t server;
        uint32_t weight;
        uint64_t name;
    };

    // The highest -weight / ln(u), with u uniform in (0, 1): within one weight, the highest u.
    uint16_t rendezvous(uint64_t key) const {
        uint16_t best = no_slot;
        double best_score = -1;
        for (size_t i = 0; i < live_.size();) {
            const uint32_t weight = live_[i].weight;
            uint64_t highest = 0;
            uint16_t first = live_[i].server;
            for (; i < live_.size() && live_[i].weight == weight; ++i) {
                const uint64_t hash = mix(live_[i].name ^ key);
                if (hash > highest) {
                    highest = hash;
                    first = live_[i].server;
                }
            }
            const double uniform = (static_cast<double>(highest >> 11) + 0.5) / 9007199254740992.0;
            const double score = weight / -std::log(uniform);
            if (score > best_score) {
                best_score = score;
                best = first;
            }
        }
        return best;
    }

    std::span<const MaglevServer> servers_;
    const MaglevTable& base_;
    std::vector<Live> live_;
};

}  // namespace

uint32_t maglev_size(std::span<const MaglevServer> servers) {
    uint64_t total = 0;
    uint32_t lightest = std::numeric_limits<uint32_t>::max();
    for (const auto& server : servers) {
        total += server.weight;
        lightest = server.weight == 0 ? lightest : std::min(lightest, server.weight);
    }
    const uint64_t wanted = 100 * total / std::max(lightest, 1U);
    for (const uint32_t prime : {251U, 1021U, 4093U, 16381U}) {
        if (prime >= wanted) {
            return prime;
        }
    }
    return 65537;
}

MaglevTable make_maglev(std::span<const MaglevServer> servers, uint32_t size) {
    const auto usable = [](const MaglevServer& s) { return s.live && s.weight > 0; };
    if (std::none_of(servers.begin(), servers.end(), usable)) {
        return {};
    }
    const auto base = fill_base(servers, size);
    auto table = base;
    const Substitutes substitutes(servers, base);
    for (uint32_t slot = 0; slot < size; ++slot) {
        if (!servers[base[slot]].live) {
            table[slot] = substitutes.of(slot);
        }
    }
    return table;
}

}  // namespace rehome::vipd
