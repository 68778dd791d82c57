// What of a host decides what packets meet, and stands outside its rule sets.
//
// From what `lbsync read` tells (told.h): the kernel's settings of forwarding, of source validation
// (rp_filter), of connection tracking and of bridges; routing rules that look at a packet's mark,
// and the routes of the tables that they name; what traffic control (tc) and XDP do with packets at
// an interface.  Queues that only order packets (fq_codel, mq and the like) come with the hardware
// and are none of it; nor are routes and rules that look at no mark, which a site has for itself.
//
// Pure.  What cannot be understood stands in `unread`, and nothing is concluded from it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lbsync/outside/told.h"

namespace rehome::lbsync::outside {

// What a program told of one thing; values.h says it in another site's words.
using Words = nlohmann::json;

struct Link {
    bool bridge = false;
    std::optional<Words> xdp;
    // tc's queues that do more than order packets, their classes, and filters by place ("ingress",
    // "parent 1:"), as "qdisc", "class" or the place with its words.
    std::vector<std::pair<std::string, Words>> traffic;
};

// A routing rule that looks at marks.
struct MarkRule {
    Words words;
    std::string table;  // by number; empty: it names none
    bool after_main = false;
};

struct Routing {
    std::vector<MarkRule> rules;                       // in the order in which they act
    std::map<std::string, std::vector<Words>> routes;  // of the tables that they name
};

struct Facts {
    std::map<std::string, std::string> settings;
    std::map<std::string, Link> links;
    Routing routing4;
    Routing routing6;
    std::vector<std::string> helpers;           // modules that follow connections
    std::map<std::string, std::string> unread;  // "tc -j qdisc show" -> why

    bool tracks() const;   // connection tracking is there
    bool bridges() const;  // a bridge is there
};

Facts facts(const Told& told);

// The commands that are to be asked after the fixed ones have told what they told.
std::vector<std::string> to_ask(const Told& told);

}  // namespace rehome::lbsync::outside
