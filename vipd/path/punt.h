// How much goes up to the kernel (what is for no VIP), by what it is, so that no flood of one kind
// takes the kernel, or vipd's way to it, from the others:
//
//     arp       ARP
//     nd        IPv6 neighbour discovery that came from the link itself (RFC 4861: hop limit 255)
//     bgp       TCP port 179: one budget for what comes from the lines' routers, one for the others
//     bfd       UDP ports 3784 and 3785 from the link itself (RFC 5881 5: TTL 255), and 4784
//     session   of a BGP or BFD session that the kernel speaks in
//     check     an answer to a health check that runs
//     icmp      any other ICMP
//     servers   any other IP that came by a servers' port
//     other     the rest
//
// The kernel speaks in a session when it sends a segment with ACK alone, or a BFD packet: a forged
// SYN brings it to neither.  Each session has a budget of its own, which nobody gets into who does
// not know its ends, the ports among them, so that a flood from elsewhere takes nothing from it.
// The answers to each health check likewise, from when the kernel sends it.
//
// All workers share one, without locks: a budget is the time up to which it is used (GCRA; ITU-T
// I.371), of which a fifth of a second is let through at once.  Only the worker that reads the
// twins tells what the kernel sends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "common/vipd_config/config.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/micros.h"
#include "vipd/packet/packet.h"
#include "vipd/packet/siphash.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Punt {
public:
    explicit Punt(uint64_t seed) : key_{seed, ~seed} {}
    // What it would say now, without being used up: for a dry run.
    Punt(const Punt& other) { *this = other; }
    Punt& operator=(const Punt& other);

    // Whether a frame that came in by the port may go up; else why it is dropped.
    std::optional<Drop> refuse(std::span<const uint8_t> frame, PortIndex port, const Tables& tables,
                               const PuntConfig& per_s, Micros now);
    // The kernel sends that frame.
    void kernel_sends(std::span<const uint8_t> frame, const Tables& tables);
    // Whether the packet answers a check through a tunnel: its source is the VIP.
    bool answers_check(const Packet& packet) const;

private:
    class Budget {
    public:
        Budget() = default;
        Budget& operator=(const Budget& other) {
            used_up_to_ns_ = other.used_up_to_ns_.load(std::memory_order_relaxed);
            return *this;
        }
        bool take(uint32_t per_s, Micros now);

    private:
        std::atomic<int64_t> used_up_to_ns_ = 0;
    };
    struct Session {
        std::atomic<uint64_t> ends = 0;  // a hash of them; 0: none
        Budget budget;
    };
    enum class Class : uint8_t { arp, nd, bgp, bgp_of_router, bfd, icmp, servers, other, count_ };
    // What a packet is, and the session that it may be of.
    struct Kind {
        Class of = Class::other;
        std::optional<uint64_t> session;
        std::optional<uint64_t> check{};  // that it may answer
    };
    static constexpr size_t checks = 8192;  // that may run at once
    static constexpr size_t sessions = 1024;
    static constexpr size_t together = 4;  // in which places a session may stand

    Kind kind(std::span<const uint8_t> frame, PortIndex port, const Tables& tables) const;
    Kind kind_of_tcp_and_udp(const Packet& packet, bool from_router) const;
    uint64_t ends(const Packet& packet, bool sent, bool with_ports) const;
    template <size_t count>
    static std::span<Session> places(std::array<Session, count>& all, uint64_t ends) {
        return std::span(all).subspan(ends % (count / together) * together, together);
    }
    void check_sent(const Packet& packet);
    void remember(std::span<Session> places, uint64_t ends);

    SipKey key_;
    std::array<Budget, static_cast<size_t>(Class::count_)> budgets_;
    std::array<Session, sessions> sessions_;
    mutable std::array<Session, checks> checks_;
    uint32_t next_ = 0;  // of a session's places, the one that gives way
};

}  // namespace rehome::vipd
