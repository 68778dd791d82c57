// Follows the ports' devices: what the kernel tells of them goes to the state, and what the
// snapshot says of the ports onto their twins, so that BIRD and everybody else sees there what is
// behind them; each change is said.  The control thread's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "vipd/adapter/kernel.h"
#include "vipd/adapter/worker.h"
#include "vipd/state/state.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

class PortStates {
public:
    explicit PortStates(Shared& shared) : shared_(shared) {}

    void start(const Kernel& kernel, const Config& config);
    // To the state; cheap to repeat.
    void take(const Kernel& kernel, State& state, Micros now) const;
    // Onto the twins.
    void mirror(const Snapshot& snapshot, const State& state);
    // Once for each port: what is counted of packets that were left to a device to finish.
    void say_what_is_left_to_devices();

    std::vector<PortCounters> counters(const Kernel& kernel, const Snapshot& snapshot) const;
    nlohmann::json status(const State& state) const;

private:
    struct Mirrored {
        PortLink link;
        bool yet = false;       // a twin that was kept is as it was when the run before ended
        std::string_view told;  // why it is down, as last said
        std::string wrong;      // with the twin, likewise
        bool told_finished = false, told_super = false;
    };

    void mirror(size_t port, const PortLink& now, bool has_twin);
    void say(size_t port, const PortLink& now, const ObservedPort& seen);

    Shared& shared_;
    std::vector<Mirrored> mirrored_;
    std::vector<uint16_t> config_mtus_;    // of the twins, where the device takes as much
    std::vector<uint64_t> unsent_before_;  // by the devices, when they were opened
};

}  // namespace rehome::vipd
