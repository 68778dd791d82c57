// The kernel's routes and neighbours and the ports' devices, followed by netlink (rtnetlink(7)),
// and the routes we hold there.
//
// Follows the main table and the neighbours on the twins and on VLAN interfaces over them (ip link
// add link red name red.100 type vlan id 100), which may come and go: a full dump at start, then
// notifications; an overrun, a link that changes, or a notification that does not fit the picture
// leads to a new dump, since the kernel drops routes without a word when a link goes down.
//
// A change of the routes is taken over at once when the last one is some time ago, and otherwise
// together with all that come within that time: a route that flaps among many must not have
// the whole table built anew each time, and one that is withdrawn is not used for longer than that.
//
// It belongs to one thread, which polls fd() and calls handle() when it is readable and tick() at
// least twice a second.  The snapshots that it hands out may be read by any thread.
#pragma once

#include <memory>
#include <span>

#include "common/address.h"
#include "common/error.h"
#include "vipd/adapter/devices.h"
#include "vipd/route/fib.h"

namespace rehome::vipd {

// What a worker forwards by.  Each part is replaced by itself when it changes.
struct Forwarding {
    std::shared_ptr<const Fib> routes;
    std::shared_ptr<const Neighbours> neighbours;
};

inline constexpr uint8_t held_route_protocol = 201;  // not one of rtnetlink's names

class Kernel {
public:
    // ports[i]: of port i.  The routes of an earlier run are held on; they stay when this one ends.
    static Result<std::unique_ptr<Kernel>> start(std::vector<PortInterfaces> ports);
    ~Kernel();
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;

    static constexpr int64_t routes_every_us = 45'000;  // at most

    int fd() const;         // POLLIN: call handle()
    Result<bool> handle();  // takes what has come in; true: forwarding() is new
    Result<bool> tick();    // repeats requests, retries a dump; true: forwarding() is new

    const Forwarding& forwarding() const;
    // Of each port, as of the last handle() or tick().
    const std::vector<DeviceState>& devices() const;
    // What the devices have dropped since they were made, as of now (DeviceState::unsent).
    std::vector<uint64_t> unsent() const;

    // Packets wait for this next hop, or leave by it: the kernel resolves it now and keeps it
    // resolved for the next 60 s (NTF_USE, repeated while it is not reachable).  Cheap to repeat.
    // A neighbour that the operator has set (permanent, noarp) is left as it is.
    void request(const Hop& hop);

    // A blackhole route in the main table, protocol 201: the sign for BIRD that the prefix is
    // served. Both may be repeated.
    Result<> hold_route(const Prefix& prefix);
    Result<> release_route(const Prefix& prefix);
    Result<> release_all();  // the first that fails, or nothing
    std::vector<Prefix> held() const;

private:
    struct State;
    explicit Kernel(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace rehome::vipd
