#include "vipd/path/context.h"

#include <algorithm>

#include "vipd/path/judge.h"

namespace rehome::vipd {

namespace {

// Of the link between the sites, questions take at most 5 %.
constexpr uint64_t question_bytes_per_s(uint64_t link_mbit_s) {
    return link_mbit_s * 1'000'000 / 8 / 20;
}

// Errors that vipd makes itself (RFC 1812 4.3.2.8), all workers together.
constexpr uint32_t icmp_per_s = 1000;

}  // namespace

Hands::Hands(const Settings& settings)
    : flows(settings.flows, settings.hash_key),
      source_nat(flows, settings.worker, settings.workers, mix(settings.hash_key)),
      fragments(settings.fragments, settings.hash_key),
      memo_v4(settings.hash_key),
      memo_v6(settings.hash_key),
      routing(settings.ports),
      icmp_limit(icmp_per_s, icmp_per_s, settings.workers),
      answers(settings.hash_key, settings.workers),
      punt(settings.punt ? settings.punt : std::make_shared<Punt>(settings.hash_key)),
      tags(settings.worker),
      questions(settings.hash_key),
      hash_key(settings.hash_key) {
    flows.on_moved([](void* nat, const Flow& flow, uint32_t from,
                      uint32_t to) { static_cast<SourceNat*>(nat)->moved(flow, from, to); },
                   &source_nat);
}

void Hands::act_on(const Snapshot& snapshot) {
    tags.take(snapshot);
    if (!snapshot.ports.empty()) {
        routing.take(snapshot.ports);
    }
    flows.can_spare(
        [](const void* acted_on, const Flow& flow) {
            return decided_alike(*static_cast<const Snapshot*>(acted_on), flow);
        },
        &snapshot);
}

// What the same rules have counted stays.
void Hands::act_on_access(const Access* before, const Access* now) {
    const bool same_rules = before != nullptr && now != nullptr &&
                            before->rules->rules_digest == now->rules->rules_digest;
    if (!same_rules) {
        counters.access.clear();
        counters.barred_flows = 0;
    }
    memo_v4.forget();
    memo_v6.forget();
    now == nullptr ? flows.end_sweep() : flows.begin_sweep();
}

void Hands::take(const Snapshot& snapshot) {
    const Tables& tables = *snapshot.tables;
    const auto grow = [](auto& counted, size_t size) {
        counted.resize(std::max(counted.size(), size));
    };
    grow(counters.lines, tables.lines().size());
    grow(counters.peers, tables.peers().size());
    grow(counters.services, tables.service_numbers());
    if (counters.begun_at_whom != tables.servers_digest()) {
        counters.begun_at_whom = tables.servers_digest();
        counters.begun_at.assign(tables.server_numbers(), 0);
    }
    flows.set_lifetimes(tables.lifetimes());
    flows.follow(*tables.parts());
    source_nat.set_pools(tables.pools());
    routing.take(tables);
    for (size_t i = links.size(); i < tables.peers().size(); ++i) {
        const uint64_t seed = mix(hash_key ^ tables.peers()[i].name_hash);
        links.emplace_back(tables.tunnel()->family, tables.tagged(), static_cast<uint32_t>(seed));
    }
    questions.set_rate(question_bytes_per_s(snapshot.config->link_mbit_s) / source_nat.workers());
}

}  // namespace rehome::vipd
