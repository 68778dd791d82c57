// The checks as they run: a thread with its sockets, which asks each endpoint at its interval and
// says how it looks.
//
// Checks of servers come from this host's own addresses.  Checks through tunnels run in a network
// namespace of the thread's own, where a TUN interface has this gateway's address and all routes:
// the kernel's TCP speaks there to a VIP, whatever the host's own routes say of it.  What leaves by
// that interface is put into the tunnel to the server whose check it is, known by its source port;
// what the VIP answers comes to a worker, which writes it to the interface (tun_fd).
//
// Source ports are those of check_ports (health.h), by which workers tell answers.  A connection
// ends with a reset: nothing of a check stays behind, here or at the server.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/error.h"
#include "common/fd.h"
#include "vipd/adapter/event.h"
#include "vipd/health/endpoints.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

// How an endpoint looks from now on.
struct CheckNews {
    enum class Looks : uint8_t { up, down, not_run } looks = Looks::up;
    uint32_t id = 0;
    std::string why;  // down, not_run
};

struct CheckCounts {
    uint64_t run = 0, failed = 0;
    uint64_t not_run = 0;  // that this host itself could not begin
};

class Prober {
public:
    enum class Where : uint8_t { host, tunnels };

    // tunnels: needs the right to make a network namespace (CAP_SYS_ADMIN).
    static Result<std::unique_ptr<Prober>> start(Where where);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    // Any thread may call these.
    void set(std::vector<CheckedEndpoint> endpoints);  // known ids go on as they are
    std::vector<CheckNews> take();
    int fd() const { return told_.fd(); }  // readable: take()
    CheckCounts counts() const;
    // Takes IP packets, what VIPs answer; -1 without tunnels.
    int tun_fd() const { return tun_.get(); }

private:
    class Loop;

    explicit Prober(Where where) : where_(where) {}
    Result<> prepare();        // on the thread that starts it
    Result<> enter_tunnels();  // on its own
    void run();

    const Where where_;
    Fd out_v4_, out_v6_;  // raw sockets of the host's, for what goes into tunnels
    Fd tun_;
    Event wake_, told_;
    std::mutex mutex_;
    std::vector<CheckedEndpoint> endpoints_;  // to be taken over
    bool fresh_ = false;
    std::vector<CheckNews> news_;
    std::atomic<bool> stopping_ = false;
    std::atomic<uint64_t> run_ = 0, failed_ = 0, not_run_ = 0;
    std::thread thread_;
};

}  // namespace rehome::vipd
