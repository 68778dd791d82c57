#include "lbsync/adapter/gather.h"

#include <fmt/format.h>

#include "lbsync/adapter/remote.h"

namespace rehome::lbsync {

namespace {

// Reads one thing after another and collects what cannot be read.
class Gatherer {
public:
    explicit Gatherer(bool reload) : reload_(reload) {}

    void host(const HostPair& pair) {
        const auto from = ruleset(pair.from);
        const auto to = ruleset(pair.to);
        if (from && to) {
            state_.hosts.push_back({pair, *from, *to});
        }
    }

    void gateway(const GatewayPair& pair) {
        const auto from = file(*pair.from);
        const auto to = file(*pair.to);
        std::optional<std::string> in_force;
        if (reload_) {
            in_force = config(*pair.to);
        }
        if (from && to) {
            state_.gateways.push_back({pair, *from, *to, in_force});
        }
    }

    Checked<State> take() {
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        return std::move(state_);
    }

private:
    template <typename T>
    std::optional<T> keep(Result<T> result) {
        if (!result) {
            errors_.push_back(result.error());
            return {};
        }
        return std::move(*result);
    }

    std::optional<Reading> ruleset(const std::string& host) {
        return keep<Reading>(
            Remote::to(host).and_then([](const Remote& remote) { return remote.ruleset(); }));
    }

    std::optional<std::string> file(const Gateway& gateway) {
        return keep<std::string>(Remote::to(gateway.host).and_then([&](const Remote& remote) {
            return remote.read_file(gateway.vipd_config);
        }));
    }

    std::optional<std::string> config(const Gateway& gateway) {
        auto result = Remote::to(gateway.host).and_then([&](const Remote& remote) {
            return remote.config(gateway.vipd_socket);
        });
        if (!result) {
            result.error().what += fmt::format(
                "; start vipd there (vipd run --config {}), or give --no-reload to "
                "look at its file alone",
                gateway.vipd_config);
        }
        return keep<std::string>(std::move(result));
    }

    bool reload_;
    State state_;
    std::vector<Error> errors_;
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
    Gatherer gatherer(request.reload);
    for (const HostPair& pair : pairs->hosts) {
        gatherer.host(pair);
    }
    for (const GatewayPair& pair : pairs->gateways) {
        gatherer.gateway(pair);
    }
    const auto state = gatherer.take();
    if (!state) {
        return tl::unexpected(state.error());
    }
    return make_plan(inventory, *move, *pairs, *state);
}

}  // namespace rehome::lbsync
