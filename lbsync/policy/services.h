// Load balancing as IPVS does it: what its virtual services mean, whoever wrote them down.
//
// A file of keepalived says what is wanted, with checks; IPVS tells what runs, where a server that
// failed its check is absent or has no weight.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::policy {

enum class Forwarding : uint8_t { masquerade, route, tunnel };
std::string_view name(Forwarding forwarding);

struct Server {
    Address address;
    uint16_t port = 0;  // 0: the packet keeps its own
    uint32_t weight = 1;
    Forwarding forwarding = Forwarding::masquerade;
    std::string encapsulation;  // of a tunnel; empty: IPIP
    uint32_t upper_threshold = 0;
    uint32_t lower_threshold = 0;
    bool stays_when_down = false;       // its weight is 0 then; else it is removed
    std::vector<std::string> checks;    // each in its own words
    std::vector<std::string> settings;  // what else is said of it, sorted

    std::string title() const;  // "10.1.1.11:8080"
    bool operator==(const Server&) const = default;
};

struct Persistence {
    uint32_t seconds = 0;
    unsigned length = 0;  // clients of one prefix of this length go to one server
    std::string engine;   // "sip"

    bool operator==(const Persistence&) const = default;
};

struct VirtualService {
    std::string where;  // "ha.conf:12"
    // Either a mark, or a protocol with an address and port.
    std::optional<uint32_t> mark;
    Family family = Family::v4;
    std::string protocol;  // tcp, udp, sctp
    Address vip;
    uint16_t port = 0;  // 0: all, where it is persistent
    std::string scheduler;
    std::vector<std::string> scheduler_flags;  // sorted
    bool one_packet = false;
    std::optional<Persistence> persistence;
    std::vector<Server> servers;
    std::optional<Server> sorry;        // when no other is left
    std::vector<std::string> settings;  // quorum, timing of checks, ...: sorted

    std::string title() const;  // "tcp 198.51.100.10:80", "mark 5 ipv6"
};

struct Services {
    std::vector<VirtualService> services;
    bool running = false;             // as IPVS has them: nothing is known of checks
    std::vector<std::string> beside;  // what stands there too and is no service, for people
};

}  // namespace rehome::lbsync::policy
