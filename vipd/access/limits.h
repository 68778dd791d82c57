// New flows a second, of a client's prefix, a service and a VIP, and who is admitted at all.
//
// All workers share each rate, without locks: a bucket is one number, when it will be full again
// (the generic cell rate algorithm, ITU-T I.371), which whoever lets a flow begin moves on by a
// compare and exchange.  So a rate holds whatever workers its flows meet, and not by parts.
//
// Services and VIPs have buckets of their own.  Client prefixes share a table of fixed size, four
// places for each hash: where all four are held by others, the one that is full again first gives
// way.  A flood of sources makes the limit laxer for some, and never stricter for anybody.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "common/vipd_config/access.h"
#include "vipd/flow/flow.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/micros.h"
#include "vipd/placement/client_ranges.h"

namespace rehome::vipd {

class Limits {
public:
    static constexpr size_t client_places = 262'144;  // 2 MiB

    struct Service {
        uint32_t number;
        std::string name;
        Address vip;
    };
    // Null: nothing is limited, and all are admitted.  numbers: those of services are below.  key:
    // by which client prefixes are hashed, which nobody outside knows.
    static std::shared_ptr<const Limits> make(const AccessRules& rules,
                                              const std::vector<Service>& services,
                                              uint32_t numbers, uint64_t key);

    // Whether the client is among those that are admitted: the same ones for a percentage, whatever
    // the worker and the gateway, and those of a smaller one among them.
    bool admits(const Address& client) const;
    // What a flow that is to begin is beyond of; nothing: it may begin, and has been counted,
    // unless it is only asked.
    std::optional<Drop> take(const FlowKey& key, uint32_t service, Micros now,
                             bool counts = true) const;
    // Why the flow may not begin, admission first.
    std::optional<Drop> refuse(const FlowKey& key, uint32_t service, Micros now,
                               bool counts) const {
        return admits(key.client.address) ? take(key, service, now, counts)
                                          : std::optional(Drop::not_admitted);
    }
    bool resets() const { return admission_.resets; }

private:
    // In microseconds: between two flows, and how far ahead of its time the last one may be.
    struct Pace {
        Pace() = default;
        explicit Pace(const FlowRate& rate);

        double each = 0, ahead = 0;
    };
    struct Bucket {
        Pace pace;
        mutable std::atomic<double> full_at = 0;
    };

    bool has(const Bucket* bucket, Micros now) const;
    void move_on(const Bucket* bucket, Micros now) const;
    bool take_of_client(const Address& client, Micros now, bool counts) const;

    AdmissionRule admission_;
    bool of_clients_ = false;
    LimitRules::Clients clients_;
    Pace clients_pace_;
    ClientRanges except_;
    std::vector<std::optional<Pace>> except_paces_;  // by range
    std::unique_ptr<std::atomic<uint64_t>[]> places_;
    uint64_t hash_key_ = 0;
    std::vector<uint32_t> of_service_;  // by number: to buckets; none: no limit
    std::vector<uint32_t> of_vip_;      // likewise, by the number of a service on it
    std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace rehome::vipd
