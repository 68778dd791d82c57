// The way of checks through tunnels: a network namespace of the checking thread's own, where a TUN
// interface has this gateway's address and all routes.  The kernel's TCP speaks there to a VIP,
// whatever the host's own routes say of it.  What leaves by that interface is put into the tunnel
// to the server whose check it is; what the VIP answers comes to a worker, which writes it to the
// interface (fd).
#pragma once

#include <span>

#include "common/error.h"
#include "common/fd.h"
#include "vipd/health/endpoints.h"

namespace rehome::vipd {

class CheckTunnels {
public:
    // On a thread of the host's namespace.
    Result<> open();
    // Takes the calling thread into a namespace of its own: needs CAP_SYS_ADMIN.
    Result<> enter();
    // An address for the checks from it, and the routes of its family; in the namespace.
    static Result<> give(const Address& from);

    // Takes IP packets, what VIPs answer; readable: the namespace's kernel sends some.  -1: closed.
    int fd() const { return tun_.get(); }
    // The next packet that it sends; empty: none is there.
    std::span<const uint8_t> read(std::span<uint8_t> room) const;
    // Into the tunnel; what does not fit or cannot be sent is lost, as on any way.
    // spread: as ServerTunnel has it.
    void send(std::span<const uint8_t> packet, const CheckTunnel& tunnel, uint16_t spread) const;

private:
    Fd out_v4_, out_v6_;  // raw sockets of the host's, for the outer packets
    Fd tun_;
};

}  // namespace rehome::vipd
