#include "lbsync/adapter/gather.h"

#include <fmt/format.h>

#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/remote.h"

namespace rehome::lbsync {

namespace {

// What is to be read of a pair, each by a task of its own.
struct HostRead {
    const HostPair& pair;
    Result<Reading> from{};
    Result<Reading> to{};
};

struct GatewayRead {
    const GatewayPair& pair;
    Result<std::string> from_file{};
    Result<std::string> to_file{};
    std::optional<Result<std::string>> in_force{};
};

Result<Reading> ruleset(const std::string& host) {
    return Remote::to(host).and_then([](const Remote& remote) { return remote.ruleset(); });
}

Result<std::string> file(const Gateway& gateway) {
    return Remote::to(gateway.host).and_then([&](const Remote& remote) {
        return remote.read_file(gateway.vipd_config);
    });
}

Result<std::string> config(const Gateway& gateway) {
    auto result = Remote::to(gateway.host).and_then([&](const Remote& remote) {
        return remote.config(gateway.vipd_socket);
    });
    if (!result) {
        result.error().what += fmt::format(
            "; start vipd there (vipd run --config {}), or give --no-reload to look at its file "
            "alone",
            gateway.vipd_config);
    }
    return result;
}

// Reads all of it, and sorts it into what is known and what could not be read.
class Gatherer {
public:
    Gatherer(const Pairs& pairs, bool reload) : reload_(reload) {
        for (const HostPair& pair : pairs.hosts) {
            hosts_.push_back({pair});
        }
        for (const GatewayPair& pair : pairs.gateways) {
            gateways_.push_back({pair});
        }
    }

    std::vector<Task> tasks() {
        std::vector<Task> tasks;
        for (HostRead& read : hosts_) {
            tasks.emplace_back([&read] { read.from = ruleset(read.pair.from); });
            tasks.emplace_back([&read] { read.to = ruleset(read.pair.to); });
        }
        for (GatewayRead& read : gateways_) {
            tasks.emplace_back([&read] { read.from_file = file(*read.pair.from); });
            tasks.emplace_back([&read] { read.to_file = file(*read.pair.to); });
            if (reload_) {
                tasks.emplace_back([&read] { read.in_force = config(*read.pair.to); });
            }
        }
        return tasks;
    }

    State take() {
        for (HostRead& read : hosts_) {
            const bool from = known(read.from);
            const bool to = known(read.to);
            if (from && to) {
                state_.hosts.push_back({read.pair, std::move(*read.from), std::move(*read.to)});
            }
        }
        for (GatewayRead& read : gateways_) {
            take(read);
        }
        return std::move(state_);
    }

private:
    void take(GatewayRead& read) {
        const bool from = known(read.from_file);
        const bool to = known(read.to_file);
        const bool in_force = !read.in_force || known(*read.in_force);
        if (!from || !to) {
            return;
        }
        GatewayState state{read.pair, *read.from_file, *read.to_file, {}};
        if (read.in_force && in_force) {
            state.in_force = std::move(**read.in_force);
        }
        state_.gateways.push_back(std::move(state));
    }

    template <typename T>
    bool known(const Result<T>& result) {
        if (!result) {
            state_.unread.push_back(result.error());
        }
        return result.has_value();
    }

    bool reload_;
    std::vector<HostRead> hosts_;
    std::vector<GatewayRead> gateways_;
    State state_;
};

}  // namespace

Checked<Plan> gather(const Inventory& inventory, const Request& request) {
    const auto move = choose_move(inventory, request.from, request.to);
    if (!move) {
        return tl::unexpected(move.error());
    }
    const auto pairs = make_pairs(inventory, *move);
    if (!pairs) {
        return tl::unexpected(pairs.error());
    }
    Gatherer gatherer(*pairs, request.reload);
    run_at_once(gatherer.tasks(), request.at_once, "reading");
    return make_plan(inventory, *move, *pairs, gatherer.take());
}

}  // namespace rehome::lbsync
