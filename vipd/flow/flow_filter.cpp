#include "vipd/flow/flow_filter.h"

#include <algorithm>
#include <array>

namespace rehome::vipd {

namespace {

constexpr std::array<std::string_view, 6> states{"half_open", "established", "closing",
                                                 "reset",     "relayed",     "provisional"};

}  // namespace

std::string_view state_name(const Flow& flow) {
    switch (flow.stage) {
        case Flow::Stage::closing:
            return "closing";
        case Flow::Stage::reset:
            return "reset";
        case Flow::Stage::half_open:
        case Flow::Stage::established:
            break;
    }
    return flow.kind == Flow::Kind::relayed       ? "relayed"
           : flow.kind == Flow::Kind::provisional ? "provisional"
           : flow.stage == Flow::Stage::half_open ? "half_open"
                                                  : "established";
}

Result<FlowFilter::End> FlowFilter::parse_end(std::string_view text) {
    if (const auto endpoint = Endpoint::parse(text)) {
        return End{{endpoint->address, endpoint->address.bits()}, endpoint->port};
    }
    const auto prefix = Prefix::parse(text);
    if (prefix) {
        return End{*prefix, std::nullopt};
    }
    return fail(
        Exit::usage, "",
        in_quotes(text) +
            " is no end, expected 192.0.2.1, 192.0.2.0/24, 192.0.2.1:80 or [2001:db8::1]:80");
}

Result<> FlowFilter::set_state(std::string_view name) {
    if (std::find(states.begin(), states.end(), name) == states.end()) {
        return fail(Exit::usage, "",
                    in_quotes(name) +
                        " is no state, expected half_open, established, closing, "
                        "reset, relayed or provisional");
    }
    state = std::string(name);
    return {};
}

bool FlowFilter::matches(const Flow& flow) const {
    return (!client || client->matches(flow.client())) && (!vip || vip->matches(flow.vip())) &&
           (!server || (flow.served && server->matches(flow.server()))) &&
           (!state || *state == state_name(flow));
}

}  // namespace rehome::vipd
