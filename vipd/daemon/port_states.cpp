#include "vipd/daemon/port_states.h"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "vipd/adapter/log.h"
#include "vipd/adapter/offloads.h"
#include "vipd/adapter/pool.h"
#include "vipd/state/link_size.h"

namespace rehome::vipd {

using nlohmann::json;

namespace {

// Why it is no way out; nothing: it is one, or will be in a moment.
std::string_view trouble(const ObservedPort& port) {
    return !port.there ? "gone" : !port.carrier ? "no link" : !port.twin ? "no twin" : "";
}

std::string switched_off(const std::vector<std::string>& offloads) {
    return fmt::format("{} off", fmt::join(offloads, " off "));
}

// What a newcomer trips over before the first packet; what comes unfinished nevertheless is said
// when it comes.
void say_offloads(const std::string& port, const std::string& device) {
    const Offloads on = device.empty() ? Offloads{} : offloads_of(device);
    if (!on.merging.empty()) {
        log_line(
            "port {}: {} may merge TCP segments ({}), which are dropped then; "
            "ethtool -K {} {}",
            port, device, fmt::join(on.merging, " "), device, switched_off(on.merging));
    }
    if (!on.left.empty()) {
        log_line(
            "port {}: {}, the other end of {}, leaves work to the device ({}); "
            "ethtool -K {} {}",
            port, on.other_end, device, fmt::join(on.left, " "), on.other_end,
            switched_off(on.left));
    }
}

}  // namespace

void PortStates::start(const Kernel& kernel, const Config& config) {
    unsent_before_ = kernel.unsent();
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        const Port& port = *shared_.ports[i];
        config_mtus_.push_back(full_mtu(config, i));
        mirrored_.emplace_back();
        mirrored_.back().link = {port.mac(), port.mtu(), !port.interface().empty()};
        say_offloads(port.name(), port.interface());
    }
}

void PortStates::take(const Kernel& kernel, State& state, Micros now) const {
    const auto& devices = kernel.devices();
    for (size_t i = 0; i < devices.size(); ++i) {
        const DeviceState& device = devices[i];
        const Port& port = *shared_.ports[i];
        const bool file = port.interface().empty();
        ObservedPort seen;
        seen.link = {file ? port.mac() : device.mac,
                     file ? port.mtu() : std::min(device.mtu, mtu_max), !file};
        seen.there = device.there;
        seen.carrier = device.carrier;
        seen.twin = device.twin;
        state.port(i, seen, now);
    }
}

void PortStates::mirror(const Snapshot& snapshot, const State& state) {
    for (size_t i = 0; i < snapshot.ports.size(); ++i) {
        say(i, snapshot.ports[i], state.port(i));
        if (!mirrored_[i].yet || snapshot.ports[i] != mirrored_[i].link) {
            mirror(i, snapshot.ports[i], state.port(i).twin);
        }
    }
}

void PortStates::mirror(size_t port, const PortLink& now, bool has_twin) {
    mirrored_[port].link = now;
    mirrored_[port].yet = true;
    shared_.ports[port]->set_mtu(now.mtu);
    if (!has_twin) {
        return;
    }
    const auto done =
        shared_.twins[port]->follow(now.mac, std::min(now.mtu, config_mtus_[port]), now.up);
    const std::string wrong = done ? "" : done.error().text();
    if (!wrong.empty() && wrong != mirrored_[port].wrong) {
        log_line("{}", wrong);
    }
    mirrored_[port].wrong = wrong;
}

void PortStates::say(size_t port, const PortLink& now, const ObservedPort& seen) {
    const PortLink& before = mirrored_[port].link;
    const std::string& name = shared_.ports[port]->name();
    const std::string& device = shared_.ports[port]->interface();
    const std::string_view why = trouble(seen);
    if (now.up && !before.up) {
        log_line("port {} is up again", name);
    } else if (!now.up && !why.empty() && (before.up || why != mirrored_[port].told)) {
        const std::string text =
            why == "gone"      ? device + " is gone; once it is there again, vipd wants a restart"
            : why == "no twin" ? "its twin is gone, and with it addresses and routes; vipd wants a "
                                 "restart"
                               : "no link at " + device;
        log_line("port {} is DOWN, nothing leaves there: {}", name, text);
    }
    mirrored_[port].told = now.up ? "" : why;
    if (now.mtu != before.mtu) {
        log_line("port {}: MTU {}, before {}", name, now.mtu, before.mtu);
    }
    if (now.mac != before.mac) {
        log_line("port {}: {} has another MAC address", name, device);
    }
}

void PortStates::say_what_is_left_to_devices() {
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        const PortCounters counts = shared_.ports[i]->counters();
        const std::string& device = shared_.ports[i]->interface();
        if (counts.finished > 0 && !mirrored_[i].told_finished) {
            mirrored_[i].told_finished = true;
            log_line(
                "port {}: what comes to {} lacks checksums, which vipd finishes; "
                "at its other end: ethtool -K IF tx off",
                shared_.ports[i]->name(), device);
        }
        if (counts.super > 0 && !mirrored_[i].told_super) {
            mirrored_[i].told_super = true;
            log_line(
                "port {}: TCP segments beyond the MTU come to {} and are dropped "
                "(super_packet); at its other end: ethtool -K IF tso off gso off; here: "
                "ethtool -K {} gro off lro off",
                shared_.ports[i]->name(), device, device);
        }
    }
}

std::vector<PortCounters> PortStates::counters(const Kernel& kernel,
                                               const Snapshot& snapshot) const {
    const auto unsent = kernel.unsent();
    std::vector<PortCounters> all;
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        PortCounters of = shared_.ports[i]->counters();
        of.lost_out = unsent[i] - std::min(unsent[i], unsent_before_[i]);
        of.up = snapshot.ports[i].up ? 1 : 0;
        of.mtu = snapshot.ports[i].mtu;
        all.push_back(of);
    }
    return all;
}

json PortStates::status(const State& state) const {
    json ports = json::array();
    for (size_t i = 0; i < shared_.ports.size(); ++i) {
        const PortLink& link = state.snapshot()->ports[i];
        const ObservedPort& seen = state.port(i);
        const std::string& interface = shared_.ports[i]->interface();
        const std::string_view why = trouble(seen);
        ports.push_back({{"port", shared_.ports[i]->name()},
                         {"interface", interface.empty() ? json() : json(interface)},
                         {"up", link.up},
                         {"trouble", !why.empty() ? json(why)
                                     : link.up    ? json()
                                                  : json("up for less than 1 s")},
                         {"mtu", link.mtu}});
    }
    return ports;
}

}  // namespace rehome::vipd
