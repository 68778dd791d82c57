// What differs between two sets of services: pools, weights, schedulers, persistence, checks.
//
// Against what IPVS runs, checks and what follows from them are not looked at, since IPVS has none;
// a server that failed its check, and is absent or without weight there for that, or a sorry server
// in its place, is state and no difference.
#pragma once

#include <string>
#include <vector>

#include "lbsync/policy/services.h"

namespace rehome::lbsync::services {

struct ServiceDifference {
    std::string service;             // "tcp 198.51.100.10:80"
    std::vector<std::string> lines;  // "- ..." in the old one alone, "+ ..." in the new one alone
};

struct Differences {
    std::vector<ServiceDifference> services;
    std::vector<std::string> state;  // "tcp 198.51.100.10:80: 10.1.1.11:8080 is absent: ..."
    bool checks_seen = true;         // false: a side is what IPVS runs
    bool one_runs = false;           // and the other is a file
};

Differences differences(const policy::Services& old_one, const policy::Services& new_one);

// A service in lines, the same when it is; with what IPVS has alone, or all of it.
std::vector<std::string> lines_of(const policy::VirtualService& service, bool checks);
std::string line_of(const policy::Server& server, bool checks);

}  // namespace rehome::lbsync::services
