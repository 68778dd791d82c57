// Two hosts' facts held against each other: what differs, what cannot be told, what is left out.
//
// The old host's addresses and interfaces go through the images first.  Naturally different, and no
// difference, are:
//
// - interfaces that one host alone has, as far as they only have settings: they are noted
// - settings of connection tracking where one host has none: nothing is tracked there, and no rule
//   that asks for a connection can stand there
// - settings of bridges (br_netfilter) where one host has no bridge
// - programs of AF_XDP sockets (vipd's ports have them), which hand packets to their own program
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lbsync/mapping/images.h"
#include "lbsync/outside/facts.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::outside {

struct Difference {
    std::string what;  // "net/ipv4/conf/all/forwarding"
    std::string old_value;
    std::string new_value;
    std::string how;  // what would mend it at the new host, for people
};

struct Comparison {
    std::string from;  // hosts
    std::string to;
    std::vector<Difference> differences;
    std::vector<Doubt> doubts;
    std::vector<std::string> notes;  // what was not compared, and why

    bool equal() const { return differences.empty() && doubts.empty(); }
};

struct Sites {
    std::string from;
    std::string to;
    Images images;
    bool same = false;  // all addresses mean the same at both
};

Comparison compare(const Facts& old_one, const Facts& new_one, const Sites& sites);

// For people, a line each, and as JSON.
std::vector<std::string> lines(const Comparison& comparison);
nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace rehome::lbsync::outside
