#include "lbsync/proof/ways.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace rehome::lbsync::proof {

using policy::Hook;
using policy::Layer;
using policy::Policy;
using policy::Stage;

namespace {

bool sees(const Hook& hook, bool bridged, Frame frame) {
    if (bridged) {
        return hook.layer == Layer::bridge;
    }
    switch (hook.layer) {
        case Layer::ip4:
            return frame == Frame::ip4;
        case Layer::ip6:
            return frame == Frame::ip6;
        case Layer::inet:
            return frame == Frame::ip4 || frame == Frame::ip6;
        case Layer::arp:
            return frame == Frame::arp;
        case Layer::netdev:
            return true;
        case Layer::bridge:
            return false;
    }
    return false;
}

}  // namespace

std::string_view name(Stage stage) {
    constexpr std::string_view names[] = {"ingress", "prerouting",  "input", "forward",
                                          "output",  "postrouting", "egress"};
    return names[static_cast<size_t>(stage)];
}

std::vector<Way> ways(bool bridged, Frame frame) {
    const Way out{Stage::egress, {}, "sent"};
    if (bridged) {
        const Way forwarded{Stage::forward, {{Stage::postrouting, {}, "bridged"}}, ""};
        return {{Stage::prerouting, {{Stage::input, {}, "let in"}, forwarded}, ""},
                {Stage::output, {{Stage::postrouting, {}, "sent"}}, ""}};
    }
    if (frame == Frame::arp) {
        return {{Stage::ingress, {{Stage::input, {}, "let in"}}, ""}, {Stage::output, {out}, ""}};
    }
    if (frame == Frame::other) {
        return {{Stage::ingress, {}, "let in"}, out};
    }
    const Way forwarded{
        Stage::forward, {{Stage::postrouting, {{Stage::egress, {}, "forwarded"}}, ""}}, ""};
    return {
        {Stage::ingress, {{Stage::prerouting, {{Stage::input, {}, "let in"}, forwarded}, ""}}, ""},
        {Stage::output, {{Stage::postrouting, {out}, ""}}, ""}};
}

std::vector<size_t> chains_at(const Policy& policy, Stage stage, bool bridged, Frame frame) {
    std::vector<size_t> found;
    for (size_t i = 0; i < policy.chains.size(); ++i) {
        const auto& hook = policy.chains[i].hook;
        if (hook && hook->stage == stage && sees(*hook, bridged, frame)) {
            found.push_back(i);
        }
    }
    std::stable_sort(found.begin(), found.end(), [&](size_t a, size_t b) {
        const auto order = [&](size_t i) {
            const Hook& hook = *policy.chains[i].hook;
            return std::tuple(
                hook.priority,
                hook.rank_of(frame == Frame::ip6).value_or(std::numeric_limits<uint32_t>::max()));
        };
        return order(a) < order(b);
    });
    return found;
}

bool is_tracked_at(Stage stage) {
    return stage == Stage::prerouting || stage == Stage::output;
}

bool translates_destination(Stage stage) {
    return stage == Stage::prerouting || stage == Stage::output;
}

bool translates_source(Stage stage) {
    return stage == Stage::input || stage == Stage::postrouting;
}

}  // namespace rehome::lbsync::proof
