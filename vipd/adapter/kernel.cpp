// The picture is rebuilt whole from a dump, or changed by one notification at a time.  While a dump
// fails the last whole picture stays in force: part of the routes is worse than the old ones.
#include "vipd/adapter/kernel.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/socket.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/fd.h"
#include "vipd/adapter/netlink.h"

namespace rehome::vipd {

namespace {

constexpr int64_t kept_us = 60'000'000;
constexpr int64_t settling_us = 200'000;
constexpr uint16_t nud_settled = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;

constexpr uint16_t nud_set = NUD_PERMANENT | NUD_NOARP;  // by the operator, or needs no resolving

// A port and the VLAN there; 0: untagged, the twin itself.
struct Place {
    PortIndex port = 0;
    uint16_t vlan = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): it takes the 0 of the comparison for a pointer
    auto operator<=>(const Place&) const = default;
};

// When the routes may be taken over again, and a descriptor that is readable when notifications
// have come in or routes that wait are due.
class RoutePace {
public:
    Result<> start(int monitor) {
        epoll_event event{};
        event.events = EPOLLIN;
        const bool ready = set_ && clock_ &&
                           epoll_ctl(set_.get(), EPOLL_CTL_ADD, monitor, &event) == 0 &&
                           epoll_ctl(set_.get(), EPOLL_CTL_ADD, clock_.get(), &event) == 0;
        return ready ? Result<>{} : fail(Exit::world, "routes", "cannot make a timer");
    }
    int fd() const { return set_.get(); }
    // Whether routes that have changed may be taken over now; else fd() says when.
    bool due() {
        const int64_t left_us = next_us_ - monotonic_us();
        if (left_us <= 0) {
            next_us_ += Kernel::routes_every_us - left_us;  // as of now
        }
        const itimerspec wake{{}, {0, left_us > 0 ? left_us * 1000 : 0}};
        timerfd_settime(clock_.get(), 0, &wake, nullptr);  // it takes what is below a second
        return left_us <= 0;
    }
    void drain() {
        uint64_t count = 0;
        [[maybe_unused]] const auto taken = ::read(clock_.get(), &count, sizeof count);
    }

private:
    Fd set_{epoll_create1(EPOLL_CLOEXEC)};
    Fd clock_{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    int64_t next_us_ = 0;
};

// What the kernel has, as far as it concerns the ports.
struct Picture {
    std::map<unsigned, Place> places;      // by interface: the twins and their VLAN interfaces
    std::map<Place, unsigned> interfaces;  // the same, backwards
    RouteTable routes;
    std::map<RouteTable::Key, Via> vias;  // as in routes, to tell what a removal is about
    Neighbours neighbours;
    std::map<Hop, uint16_t> states;  // NUD_* of each neighbour
    std::set<Prefix> own;            // blackhole routes of our protocol
};

}  // namespace

struct Kernel::State {
    explicit State(std::vector<PortInterfaces> ports) : devices(std::move(ports)) {}

    Netlink monitor;
    Netlink questions;
    Devices devices;
    Picture picture;
    std::map<Hop, int64_t> wanted_us;  // when each next hop was last asked for
    std::set<Prefix> held;
    Forwarding forwarding;
    RoutePace pace;
    bool routes_changed = false;
    bool neighbours_changed = false;
    bool missed = false;        // the picture may be wrong: dump
    int64_t dump_again_us = 0;  // once more, when the kernel has settled; 0: no need

    void take(nlmsghdr* message);
    void take_link(const LinkMessage& link);
    void add_places(Picture& into, const LinkMessage& link) const;
    void take_route(Picture& into, const RouteMessage& route);
    void take_neighbour(Picture& into, const NeighbourMessage& neighbour);
    static Via via_of(const Picture& in, const RouteMessage& route);
    Result<> dump();
    Result<bool> refresh();
    bool publish();
    void use(const Hop& hop);
};

// The twin, or a VLAN interface over a twin.
void Kernel::State::add_places(Picture& into, const LinkMessage& link) const {
    const unsigned base = link.vlan ? link.vlan->parent : link.interface;
    const auto& ports = devices.ports();
    const auto found = std::find_if(ports.begin(), ports.end(),
                                    [&](const PortInterfaces& port) { return port.twin == base; });
    if (found != ports.end()) {
        const Place place{static_cast<PortIndex>(found - ports.begin()),
                          link.vlan ? link.vlan->vlan : uint16_t{0}};
        into.places[link.interface] = place;
        into.interfaces[place] = link.interface;
    }
}

// The kernel tells of a link before it drops the routes, and does not tell of those: look now, and
// again when it is done.
void Kernel::State::take_link(const LinkMessage& link) {
    Picture alone;
    add_places(alone, link);
    if (picture.places.contains(link.interface) || !alone.places.empty()) {
        missed = true;
        dump_again_us = monotonic_us() + settling_us;
    }
}

// Of several next hops the first that leaves by a port of ours.
Via Kernel::State::via_of(const Picture& in, const RouteMessage& route) {
    for (const NextHop& hop : route.next_hops) {
        if (const auto place = in.places.find(hop.interface); place != in.places.end()) {
            return {place->second.port, hop.gateway, place->second.vlan};
        }
    }
    return {};
}

void Kernel::State::take_route(Picture& into, const RouteMessage& route) {
    const RouteTable::Key key{route.prefix, route.metric};
    const Via via = via_of(into, route);
    if (route.protocol == held_route_protocol && route.next_hops.empty()) {
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
    const auto place = into.places.find(neighbour.interface);
    if (place == into.places.end()) {
        return;
    }
    const Hop hop{place->second.port, neighbour.address, place->second.vlan};
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
        case RTM_NEWLINK:
        case RTM_DELLINK:
            if (const auto link = parse_link(message)) {
                devices.take(*link);
                take_link(*link);
            }
            break;
        default:
            if (const auto interface = parse_address(message)) {
                take_link({false, *interface, {}});
            }
    }
}

Result<> Kernel::State::dump() {
    Picture fresh;
    std::vector<LinkMessage> links;
    auto done = dump_netlink(*questions, RTM_GETLINK, [&](nlmsghdr* message) {
        if (const auto link = parse_link(message)) {
            links.push_back(*link);
            add_places(fresh, *link);
        }
    });
    if (done) {
        devices.take_all(links);
    }
    if (done) {
        done = dump_netlink(*questions, RTM_GETROUTE, [&](nlmsghdr* message) {
            const auto route = parse_route(message);
            if (route && !fresh.vias.contains({route->prefix, route->metric})) {  // the first
                take_route(fresh, *route);
            }
        });
    }
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

// NTF_USE would make a neighbour that the operator has set one that may fail (Linux 5.16 and
// later), and one may have been set that the picture does not show yet: the kernel is asked first.
void Kernel::State::use(const Hop& hop) {
    const auto interface = picture.interfaces.find({hop.port, hop.vlan});
    if (interface == picture.interfaces.end()) {
        return;
    }
    bool set = false;
    ask_neighbour(*questions, interface->second, hop.address, [&](nlmsghdr* message) {
        const auto neighbour = parse_neighbour(message);
        set = set || (neighbour && (neighbour->state & nud_set) != 0);
    });
    if (!set) {
        use_neighbour(*questions, interface->second, hop.address);
    }
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
    const bool routes = routes_changed && pace.due();
    if (routes) {
        forwarding.routes = std::make_shared<const Fib>(picture.routes.build());
        routes_changed = false;
    }
    const bool neighbours = std::exchange(neighbours_changed, false);
    if (neighbours) {
        forwarding.neighbours = std::make_shared<const Neighbours>(picture.neighbours);
    }
    return routes || neighbours;
}

Kernel::Kernel(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Kernel>> Kernel::start(std::vector<PortInterfaces> ports) {
    auto state = std::make_unique<State>(std::move(ports));
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
    if (auto done = state->pace.start(nl_socket_get_fd(state->monitor.get())); !done) {
        return tl::unexpected(done.error());
    }
    if (auto done = state->dump(); !done) {
        return tl::unexpected(done.error());
    }
    state->held = state->picture.own;  // left behind by an earlier run
    state->publish();
    return std::unique_ptr<Kernel>(new Kernel(std::move(state)));
}

Kernel::~Kernel() = default;

std::vector<Prefix> Kernel::held() const {
    return {state_->held.begin(), state_->held.end()};
}

Result<> Kernel::release_all() {
    Result<> all;
    for (const Prefix& prefix : held()) {
        const auto done = release_route(prefix);
        all = all ? done : all;
    }
    return all;
}

int Kernel::fd() const {
    return state_->pace.fd();
}

Result<bool> Kernel::handle() {
    state_->pace.drain();
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

const std::vector<DeviceState>& Kernel::devices() const {
    return state_->devices.now();
}

std::vector<uint64_t> Kernel::unsent() const {
    const auto& ports = state_->devices.ports();
    std::vector<uint64_t> unsent;
    for (size_t i = 0; i < ports.size(); ++i) {
        unsent.push_back(devices()[i].unsent);  // the last word of a device that is gone
        if (ports[i].device != 0 && devices()[i].there) {
            ask_link(*state_->questions, ports[i].device, [&](nlmsghdr* message) {
                const auto link = parse_link(message);
                unsent[i] = link && link->interface == ports[i].device ? link->unsent : unsent[i];
            });
        }
    }
    return unsent;
}

void Kernel::request(const Hop& hop) {
    state_->wanted_us[hop] = monotonic_us();
    if (!state_->picture.states.contains(hop)) {
        state_->use(hop);  // else tick does, if there is need
    }
}

Result<> Kernel::hold_route(const Prefix& prefix) {
    const int code = change_blackhole(*state_->questions, true, prefix, held_route_protocol);
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
    const int code = change_blackhole(*state_->questions, false, prefix, held_route_protocol);
    if (code < 0 && code != -NLE_OBJ_NOTFOUND) {
        return fail(Exit::world, "route " + prefix.text(),
                    std::string("cannot be released: ") + nl_geterror(code));
    }
    state_->held.erase(prefix);
    return {};
}

}  // namespace rehome::vipd
