// The picture is rebuilt whole from a dump, or changed by one notification at a time.  While a dump
// fails the last whole picture stays in force: part of the routes is worse than the old ones.
#include "vipd/adapter/kernel.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/socket.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "vipd/adapter/netlink.h"

namespace rehome {

namespace {

constexpr uint8_t own_protocol = 201;  // the routes that we hold (not one of rtnetlink's names)
constexpr int64_t kept_us = 60'000'000;
constexpr int64_t settling_us = 200'000;
constexpr uint16_t nud_settled = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;

// What the kernel has, as far as it concerns the ports.
struct Picture {
    RouteTable routes;
    std::map<RouteTable::Key, Via> vias;  // as in routes, to tell what a removal is about
    Neighbours neighbours;
    std::map<Hop, uint16_t> states;  // NUD_* of each neighbour
    std::set<Prefix> own;            // blackhole routes of our protocol
};

}  // namespace

struct Kernel::State {
    Netlink monitor;
    Netlink questions;
    std::map<unsigned, PortIndex> ports;  // by the twin's interface
    std::vector<unsigned> twins;          // by port
    Picture picture;
    std::map<Hop, int64_t> wanted_us;  // when each next hop was last asked for
    std::set<Prefix> held;
    Forwarding forwarding;
    bool routes_changed = false;
    bool neighbours_changed = false;
    bool missed = false;        // the picture may be wrong: dump
    int64_t dump_again_us = 0;  // once more, when the kernel has settled; 0: no need

    void take(nlmsghdr* message);
    void take_route(Picture& into, const RouteMessage& route);
    void take_neighbour(Picture& into, const NeighbourMessage& neighbour);
    Via via_of(const RouteMessage& route) const;
    Result<> dump();
    Result<bool> refresh();
    bool publish();
    void use(const Hop& hop) { use_neighbour(*questions, twins[hop.port], hop.address); }
};

// Of several next hops the first that leaves by a port of ours.
Via Kernel::State::via_of(const RouteMessage& route) const {
    for (const NextHop& hop : route.next_hops) {
        if (const auto port = ports.find(hop.interface); port != ports.end()) {
            return {port->second, hop.gateway};
        }
    }
    return {};
}

void Kernel::State::take_route(Picture& into, const RouteMessage& route) {
    const RouteTable::Key key{route.prefix, route.metric};
    const Via via = via_of(route);
    if (route.protocol == own_protocol && route.next_hops.empty()) {
        route.removed ? (void)into.own.erase(route.prefix) : (void)into.own.insert(route.prefix);
    }
    routes_changed = true;
    const auto known = into.vias.find(key);
    if (route.removed) {
        // One of several that we do not tell apart: only a dump shows what is left.
        missed = missed || known == into.vias.end() || known->second != via;
        into.routes.remove(key);
        into.vias.erase(key);
        return;
    }
    missed = missed || route.appended;
    into.routes.set(key, via);
    into.vias[key] = via;
}

void Kernel::State::take_neighbour(Picture& into, const NeighbourMessage& neighbour) {
    const auto port = ports.find(neighbour.interface);
    if (port == ports.end()) {
        return;
    }
    const Hop hop{port->second, neighbour.address};
    if (neighbour.removed) {
        into.states.erase(hop);
        neighbours_changed = into.neighbours.remove(hop) || neighbours_changed;
        return;
    }
    into.states[hop] = neighbour.state;
    const Neighbour now{neighbour.mac.value_or(Mac{}), neighbour.mac.has_value()};
    neighbours_changed = into.neighbours.set(hop, now) || neighbours_changed;
}

void Kernel::State::take(nlmsghdr* message) {
    switch (message->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            if (const auto route = parse_route(message)) {
                take_route(picture, *route);
            }
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            if (const auto neighbour = parse_neighbour(message)) {
                take_neighbour(picture, *neighbour);
            }
            break;
        default:
            // The kernel tells of the link before it drops the routes, and does not tell of those:
            // look now, and again when it is done.
            if (const auto interface = parse_interface(message);
                interface && ports.contains(*interface)) {
                missed = true;
                dump_again_us = monotonic_us() + settling_us;
            }
    }
}

Result<> Kernel::State::dump() {
    Picture fresh;
    auto done = dump_netlink(*questions, RTM_GETROUTE, [&](nlmsghdr* message) {
        const auto route = parse_route(message);
        if (route && !fresh.vias.contains({route->prefix, route->metric})) {  // the first counts
            take_route(fresh, *route);
        }
    });
    if (done) {
        done = dump_netlink(*questions, RTM_GETNEIGH, [&](nlmsghdr* message) {
            if (const auto neighbour = parse_neighbour(message)) {
                take_neighbour(fresh, *neighbour);
            }
        });
    }
    if (done) {
        picture = std::move(fresh);
        missed = false;
        routes_changed = neighbours_changed = true;
    }
    return done;
}

// Brings the picture up to date.  A dump that fails is no error yet: tick tries again.
Result<bool> Kernel::State::refresh() {
    if (dump_again_us != 0 && monotonic_us() >= dump_again_us) {
        dump_again_us = 0;
        missed = true;
    }
    if (missed && !dump()) {
        return false;
    }
    return publish();
}

bool Kernel::State::publish() {
    if (routes_changed) {
        forwarding.routes = std::make_shared<const Fib>(picture.routes.build());
    }
    if (neighbours_changed) {
        forwarding.neighbours = std::make_shared<const Neighbours>(picture.neighbours);
    }
    const bool changed = routes_changed || neighbours_changed;
    routes_changed = neighbours_changed = false;
    return changed;
}

Kernel::Kernel(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Kernel>> Kernel::start(std::span<const unsigned> twins) {
    auto state = std::make_unique<State>();
    state->twins.assign(twins.begin(), twins.end());
    for (size_t i = 0; i < twins.size(); ++i) {
        state->ports[twins[i]] = static_cast<PortIndex>(i);
    }
    auto monitor = open_netlink_monitor();  // before the dump, so that nothing falls between
    if (!monitor) {
        return tl::unexpected(monitor.error());
    }
    auto questions = open_netlink();
    if (!questions) {
        return tl::unexpected(questions.error());
    }
    state->monitor = std::move(*monitor);
    state->questions = std::move(*questions);
    if (auto done = state->dump(); !done) {
        return tl::unexpected(done.error());
    }
    state->held = state->picture.own;  // left behind by an earlier run
    std::unique_ptr<Kernel> kernel(new Kernel(std::move(state)));
    for (const Prefix& prefix : std::set(kernel->state_->held)) {
        if (auto done = kernel->release_route(prefix); !done) {
            return tl::unexpected(done.error());
        }
    }
    kernel->state_->publish();
    return kernel;
}

Kernel::~Kernel() {
    for (const Prefix& prefix : state_->held) {
        change_blackhole(*state_->questions, false, prefix, own_protocol);
    }
}

int Kernel::fd() const {
    return nl_socket_get_fd(state_->monitor.get());
}

Result<bool> Kernel::handle() {
    const auto received =
        receive_netlink(*state_->monitor, [this](nlmsghdr* message) { state_->take(message); });
    if (!received) {
        return tl::unexpected(received.error());
    }
    state_->missed = state_->missed || *received == Received::overrun;
    return state_->refresh();
}

Result<bool> Kernel::tick() {
    State& state = *state_;
    const int64_t now_us = monotonic_us();
    std::erase_if(state.wanted_us,
                  [&](const auto& want) { return now_us - want.second > kept_us; });
    for (const auto& [hop, asked_us] : state.wanted_us) {
        const auto known = state.picture.states.find(hop);
        if (known == state.picture.states.end() || (known->second & nud_settled) == 0) {
            state.use(hop);
        }
    }
    return state.refresh();
}

const Forwarding& Kernel::forwarding() const {
    return state_->forwarding;
}

void Kernel::request(const Hop& hop) {
    if (hop.port >= state_->twins.size()) {
        return;
    }
    state_->wanted_us[hop] = monotonic_us();
    if (!state_->picture.states.contains(hop)) {
        state_->use(hop);  // else tick does, if there is need
    }
}

Result<> Kernel::hold_route(const Prefix& prefix) {
    const int code = change_blackhole(*state_->questions, true, prefix, own_protocol);
    if (code == 0 || (code == -NLE_EXIST && state_->held.contains(prefix))) {
        state_->held.insert(prefix);
        return {};
    }
    return fail(Exit::world, "route " + prefix.text(),
                code == -NLE_EXIST ? "is in the main table already, expected none: remove it, vipd "
                                     "holds it while it can serve the prefix"
                                   : std::string("cannot be held: ") + nl_geterror(code));
}

Result<> Kernel::release_route(const Prefix& prefix) {
    if (!state_->held.contains(prefix)) {
        return {};
    }
    const int code = change_blackhole(*state_->questions, false, prefix, own_protocol);
    if (code < 0 && code != -NLE_OBJ_NOTFOUND) {
        return fail(Exit::world, "route " + prefix.text(),
                    std::string("cannot be released: ") + nl_geterror(code));
    }
    state_->held.erase(prefix);
    return {};
}

}  // namespace rehome
