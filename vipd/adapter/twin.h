// A port's twin in the kernel: a persistent TAP interface with the port's name, MAC address and
// MTU.
//
// What is not for a VIP goes to the twin and what the kernel sends comes from it, so the operator
// gives addresses to the twin and BIRD speaks through it.  It outlives vipd (TUNSETPERSIST): a
// restart finds it with its addresses and sessions.  Frames carry complete checksums: all of the
// TAP's offloads are off.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/error.h"
#include "common/fd.h"
#include "vipd/packet/mac.h"

struct rte_mbuf;
struct rte_mempool;

namespace rehome::vipd {

class Twin {
public:
    // Makes the interface or takes over the one that exists; sets MAC and MTU and brings it up.
    // kept: its descriptor, where somebody has kept it (keeper.h).
    static Result<std::unique_ptr<Twin>> open(const std::string& name, const Mac& mac, uint16_t mtu,
                                              Fd kept = {});

    // The next frame that the kernel sends, or null: nothing waits (or the pool is empty, which
    // leaves the frame in the kernel).  The caller owns it.
    rte_mbuf* read(rte_mempool& pool);

    // Hands a frame to the kernel; false: the kernel refused it.  The caller keeps the packet.
    bool write(const rte_mbuf& packet);

    // As the port: what stands behind it is up, or not (no carrier, as a cable that is pulled). Who
    // has set the twin down has it down.
    Result<> follow(const Mac& mac, uint16_t mtu, bool up);

    int fd() const { return fd_.get(); }  // POLLIN: a frame waits
    unsigned interface() const { return interface_; }
    const std::string& name() const { return name_; }

private:
    Twin(std::string name, Fd fd, unsigned interface)
        : name_(std::move(name)), fd_(std::move(fd)), interface_(interface) {}

    std::string name_;
    Fd fd_;  // closed with us; the interface stays
    unsigned interface_;
};

}  // namespace rehome::vipd
