// The checks as they run: a thread with its sockets (loop.h), from this host's own addresses or
// through tunnels (tunnels.h).
#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/health/desk.h"
#include "vipd/adapter/health/tunnels.h"

namespace rehome::vipd {

class Prober {
public:
    enum class Where : uint8_t { host, tunnels };

    // tunnels: needs the right to make a network namespace (CAP_SYS_ADMIN).
    static Result<std::unique_ptr<Prober>> start(Where where);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    // Any thread may call these.  Known ids go on as they are.
    void set(std::vector<CheckedEndpoint> endpoints) { desk_.set(std::move(endpoints)); }
    std::vector<CheckNews> take() { return desk_.take(); }
    int fd() const { return desk_.told_fd(); }  // readable: take()
    CheckCounts counts() const { return desk_.counts(); }
    int tun_fd() const { return tunnels_.fd(); }  // takes what VIPs answer; -1 without tunnels

private:
    Prober() = default;

    CheckDesk desk_;
    CheckTunnels tunnels_;
    std::thread thread_;
};

}  // namespace rehome::vipd
