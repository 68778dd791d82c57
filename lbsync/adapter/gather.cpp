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
    Result<Standing> standing{};  // of the target
    std::optional<Result<std::string>> boot{};
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

Result<Standing> standing(const std::string& host) {
    return Remote::to(host).and_then([](const Remote& remote) { return remote.standing(); });
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
    Gatherer(const Pairs& pairs, const Request& request) : request_(request) {
        state_.boot_path = request.boot_file;
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
            tasks.emplace_back([&read] { read.standing = standing(read.pair.to); });
            if (!request_.boot_file.empty()) {
                tasks.emplace_back([this, &read] { read.boot = boot(read.pair.to); });
            }
        }
        for (GatewayRead& read : gateways_) {
            tasks.emplace_back([&read] { read.from_file = file(*read.pair.from); });
            tasks.emplace_back([&read] { read.to_file = file(*read.pair.to); });
            if (request_.reload) {
                tasks.emplace_back([&read] { read.in_force = config(*read.pair.to); });
            }
        }
        return tasks;
    }

    State take() {
        for (HostRead& read : hosts_) {
            const bool from = known(read.from);
            const bool to = known(read.to);
            const bool boot = !read.boot || known(*read.boot);
            if (known(read.standing) && read.standing->armed) {
                unconfirmed(read);
            }
            if (from && to && boot) {
                state_.hosts.push_back(
                    {read.pair, std::move(*read.from), std::move(*read.to),
                     read.boot ? std::optional(**read.boot) : std::optional<std::string>()});
            }
        }
        for (GatewayRead& read : gateways_) {
            take(read);
        }
        return std::move(state_);
    }

private:
    Result<std::string> boot(const std::string& host) const {
        return Remote::to(host).and_then(
            [&](const Remote& remote) { return remote.read_file(request_.boot_file); });
    }

    // What its files become when it is confirmed counts as written.
    void unconfirmed(HostRead& read) {
        const Armed& armed = *read.standing->armed;
        state_.unconfirmed.push_back({read.pair.to, armed.until, armed.by, read.standing->waits});
        for (const BootFile& file : armed.boot) {
            if (read.boot && *read.boot && file.path == request_.boot_file) {
                **read.boot = file.content;
            }
            for (GatewayRead& gateway : gateways_) {
                const Gateway& to = *gateway.pair.to;
                if (gateway.to_file && to.host == read.pair.to && to.vipd_config == file.path) {
                    *gateway.to_file = file.content;
                }
            }
        }
    }

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

    const Request& request_;
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
    Gatherer gatherer(*pairs, request);
    run_at_once(gatherer.tasks(), request.at_once, "reading");
    return make_plan(inventory, *move, *pairs, gatherer.take(),
                     move->back ? request.map.reversed() : request.map);
}

}  // namespace rehome::lbsync
