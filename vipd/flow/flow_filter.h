// Which flows `vipctl flows` lists, and how one is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/error.h"
#include "vipd/flow/flow.h"

namespace rehome::vipd {

// One of a flow's kinds or stages, each flow in one: "established" ends here and lives, and so on.
std::string_view state_name(const Flow& flow);

struct FlowFilter {
    // An address, a prefix, or an endpoint.
    struct End {
        Prefix prefix;
        std::optional<uint16_t> port;

        bool matches(const Endpoint& endpoint) const {
            return prefix.contains(endpoint.address) && (!port || *port == endpoint.port);
        }
    };

    std::optional<End> client, vip, server;
    std::optional<std::string> state;

    static Result<End> parse_end(std::string_view text);
    Result<> set_state(std::string_view name);

    bool matches(const Flow& flow) const;
};

}  // namespace rehome::vipd
