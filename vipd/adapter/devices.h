// The devices of the ports and their twins, as the kernel's link messages tell of them.
//
// No I/O: whoever reads netlink hands the messages over, each one that comes and all of a dump.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vipd/adapter/netlink.h"

namespace rehome::vipd {

// The kernel's indexes of a port's interfaces.
struct PortInterfaces {
    unsigned twin = 0;
    unsigned device = 0;  // 0: the port is a file, and as good as ever
};

struct DeviceState {
    bool there = true;
    bool carrier = true;  // and it is set up
    bool twin = true;     // the twin is there
    uint16_t mtu = 0;     // the last one known, as is the MAC address; 0: a file's
    Mac mac{};
    uint64_t unsent = 0;  // packets that it has dropped instead of sending them, since it was made

    bool operator==(const DeviceState&) const = default;
};

class Devices {
public:
    explicit Devices(std::vector<PortInterfaces> ports)
        : ports_(std::move(ports)), now_(ports_.size()) {}

    void take(const LinkMessage& link) { take(link, now_); }
    // All links that there are: what is not among them is gone.
    void take_all(std::span<const LinkMessage> links);

    const std::vector<PortInterfaces>& ports() const { return ports_; }
    const std::vector<DeviceState>& now() const { return now_; }  // by port

private:
    void take(const LinkMessage& link, std::vector<DeviceState>& into) const;

    std::vector<PortInterfaces> ports_;
    std::vector<DeviceState> now_;
};

}  // namespace rehome::vipd
