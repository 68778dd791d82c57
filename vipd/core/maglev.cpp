#include "vipd/core/maglev.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "vipd/core/bytes.h"
#include "vipd/core/hash.h"

namespace rehome {

namespace {

uint64_t hash_name(const std::string& name, HashKey key) {
    return hash_bytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}, key);
}

// One server's walk through the slots in the order of its permutation.
struct Walk {
    uint32_t server;
    uint64_t next;
    uint64_t skip;
    double turns_per_round;  // 1 for the heaviest server
    double credit = 0;
};

// In the order of their names: who takes its turn first must not depend on how a configuration
// lists the servers, or two gateways would disagree.
std::vector<Walk> start_walks(std::span<const MaglevServer> servers, uint32_t size) {
    uint32_t heaviest = 0;
    for (const auto& server : servers) {
        heaviest = std::max(heaviest, server.weight);
    }
    std::vector<Walk> walks;
    for (uint32_t i = 0; i < servers.size(); ++i) {
        const auto& server = servers[i];
        walks.push_back({i, hash_name(server.name, HashKey::maglev_offset) % size,
                         hash_name(server.name, HashKey::maglev_skip) % (size - 1) + 1,
                         heaviest == 0 ? 0 : double{1} * server.weight / heaviest});
    }
    std::sort(walks.begin(), walks.end(), [&](const Walk& a, const Walk& b) {
        return servers[a.server].name < servers[b.server].name;
    });
    return walks;
}

void take_slot(MaglevTable& table, Walk& walk) {
    while (table[walk.next] != no_slot) {
        walk.next = (walk.next + walk.skip) % table.size();
    }
    table[walk.next] = walk.server;
}

MaglevTable fill_base(std::span<const MaglevServer> servers, uint32_t size) {
    MaglevTable table(size, no_slot);
    auto walks = start_walks(servers, size);
    for (uint32_t filled = 0; filled < size;) {
        for (auto walk = walks.begin(); walk != walks.end() && filled < size; ++walk) {
            walk->credit += walk->turns_per_round;
            if (walk->credit >= 1) {
                walk->credit -= 1;
                take_slot(table, *walk);
                ++filled;
            }
        }
    }
    return table;
}

// Weighted rendezvous (highest random weight): -weight / ln(u) with u uniform in (0, 1).
uint32_t refill_slot(std::span<const MaglevServer> servers, std::span<const uint64_t> names,
                     uint32_t slot) {
    uint32_t best = no_slot;
    double best_score = -1;
    for (uint32_t i = 0; i < servers.size(); ++i) {
        if (!servers[i].live || servers[i].weight == 0) {
            continue;
        }
        const uint64_t hash = mix(names[i] ^ mix(slot));
        const double uniform = (static_cast<double>(hash >> 11) + 0.5) / 9007199254740992.0;
        const double score = servers[i].weight / -std::log(uniform);
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

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
    auto table = fill_base(servers, size);
    if (std::all_of(servers.begin(), servers.end(), [](const auto& s) { return s.live; })) {
        return table;
    }
    std::vector<uint64_t> names;
    for (const auto& server : servers) {
        names.push_back(hash_name(server.name, HashKey::refill));
    }
    for (uint32_t slot = 0; slot < size; ++slot) {
        if (!servers[table[slot]].live) {
            table[slot] = refill_slot(servers, names, slot);
        }
    }
    return table;
}

}  // namespace rehome
