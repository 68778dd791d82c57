// Why a client is served or not: a first packet of its through the datapath to each server that it
// may get, and what each of them would say to it, with what is ordered, configured and observed
// beside it; ending in causes, each with a command that mends it.
//
// No rule stands here: the packets go through the stages themselves (why.h), and the snapshot says
// the rest.  What is told of a packet that is dropped begins from the drop's reason.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "vipd/route/fib.h"
#include "vipd/state/snapshot.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

// A gateway that is asked.
struct Live {
    const Snapshot& snapshot;
    const Fib& routes;
    const Neighbours& neighbours;
    std::string config_path;  // for the commands
    std::string trouble;      // with the kernel's routes for prefixes; empty: none
    std::function<Result<BothWays>(const TextPacket& packet, const WayIn& way)> ask;
    const AccessRules* access = nullptr;  // null: nothing is said
};

// What is asked about.
struct Wanted {
    Endpoint client;  // port 0: any
    uint8_t protocol = 0;
    Endpoint vip;
};

struct Cause {
    std::string cause;  // a word for programs, as in the format
    std::string text;
    std::string mend;     // a command, or what to do where none would
    bool serves = false;  // the client is served nevertheless
};

// All that "vips" of rehome/vipd-explain/1 has of one.
Result<nlohmann::json> explain_client(const Live& live, const Wanted& wanted);

// The VIPs that a word stands for: an address and port, an address, a service's name, or empty for
// all; of maps, where port and protocol are not said, none.  Exit::usage: there is none.
Result<std::vector<Wanted>> wanted_by(const Tables& tables, const std::string& client,
                                      const std::string& vip);

}  // namespace rehome::vipd
