#include "vipd/daemon/census.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

constexpr uint64_t looks_most = 32'768;   // at places of a worker's table
constexpr uint64_t looks_at_once = 2048;  // between two bursts: some 150 us

struct Seen {
    uint32_t service;
    Endpoint server;
};

// At some places, from one on, which moves behind them; true: that was the table's end.
bool look(Datapath& d, uint64_t& from, uint64_t one_in, std::vector<Seen>& seen) {
    for (uint64_t i = 0; i < looks_at_once; ++i) {
        uint64_t place = from;
        const Flow* flow = d.flows().next(place, from + 1);
        if (flow == nullptr && place <= from) {
            return true;
        }
        if (flow != nullptr && flow->served && !flow->over()) {
            seen.push_back({flow->service, flow->server()});
        }
        from = std::max(from + one_in, place);  // behind what was never used
    }
    return false;
}

}  // namespace

Result<Census> count_flows(const Workers& workers, const Tables& tables) {
    Census census;
    std::vector<Seen> seen;
    seen.reserve(looks_at_once);
    for (const auto& worker : workers) {
        const auto asked = worker->ask([&](Datapath& d) {
            const uint64_t flows = d.flows().size();
            census.one_in = std::max(census.one_in, (flows + looks_most - 1) / looks_most);
        });
        if (!asked) {
            return tl::unexpected(asked.error());
        }
    }
    for (const auto& worker : workers) {
        bool over = false;
        for (uint64_t from = 0; !over;) {
            seen.clear();
            const auto asked =
                worker->ask([&](Datapath& d) { over = look(d, from, census.one_in, seen); });
            if (!asked) {
                return tl::unexpected(asked.error());
            }
            for (const Seen& each : seen) {
                const ServiceTable* service = tables.service_by_number(each.service);
                const ServerConfig* server =
                    service == nullptr ? nullptr : service->server(each.server);
                if (server != nullptr) {
                    auto& counts = census.flows[each.service];
                    counts.resize(service->servers.size());
                    counts[static_cast<size_t>(server - service->servers.data())] += census.one_in;
                }
            }
        }
    }
    return census;
}

}  // namespace rehome::vipd
