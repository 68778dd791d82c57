// The socket of one flow: tied to the carrier, connected to the target, stamping both ways.
//
//   icmp  raw, the kernel adds the IP header; a filter lets only echo replies with our id pass
//   tcp   raw; a filter lets only segments from the target's port to our ports pass.  Each source
//         port is held by a TCP socket that is bound and nothing else, so that no other program of
//         this host gets it
//   udp   a datagram socket
//
// Connected: the kernel delivers only what comes from the target's address to ours.  The sockets
// need privileges to be opened, none to be used.  Not thread-safe.
#pragma once

#include <span>
#include <vector>

#include "common/error.h"
#include "common/fd.h"
#include "probe/core/plan.h"

namespace rehome::probe {

// Source ports are looked for from here upward, above what Linux hands out by itself (32768-60999),
// so that run after run finds the same ones free.
constexpr uint16_t first_source_port = 61000;

class ProbeSocket {
public:
    // ports: how many source ports (TCP).
    static Result<ProbeSocket> open(const Path& path, const Binding& binding, size_t ports,
                                    const Plan& plan);

    int fd() const { return fd_.get(); }
    const std::vector<uint16_t>& ports() const { return ports_; }  // ascending
    uint32_t mtu() const;  // of the way to the target, as the kernel knows it; 0: it does not

    // Sends as many as go, each with a request for its time of sending.  error: why the first one
    // behind those that went did not go (0: all went).
    struct Sent {
        size_t count = 0;
        int error = 0;
    };
    Sent send(std::span<const ByteView> packets);

    // Without a time stamp, and whether it goes or not.
    void send_unmeasured(ByteView packet);

private:
    Result<> create(const Path& path);
    Result<> shape(const Path& path, const Plan& plan);
    Result<> bind_to(const Path& path, const Binding& binding, size_t ports);
    Result<> hold_ports(const Binding& binding, size_t count);
    Result<> bind_udp(const Binding& binding);

    Fd fd_;
    std::vector<Fd> held_;
    std::vector<uint16_t> ports_;
};

}  // namespace rehome::probe
