// An order to all gateways in two steps, so that nothing is half done: each holds the rules ready,
// and only when all do are they told, one after the other, that these are in force.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/command.h"
#include "common/error.h"

namespace rehome::vipctl {

// A gateway as vipd names it: {"gateway", "here"} and, elsewhere, "host" and "socket".
using Gateways = std::vector<nlohmann::json>;

// Whom an order is for.
struct Recipients {
    Gateways gateways;
    std::vector<std::string> left_out;  // by name: they have what they had
};

// Of those that vipd knows: all, or by --here the one that is asked, or by --without all but those.
Result<Recipients> recipients(const Given& given, const nlohmann::json& known);
// These two options.
void add_recipients(std::vector<Option>& options);

struct OrderToAll {
    std::string what;     // "placement": the commands are placement-prepare, -commit and -drop
    nlohmann::json with;  // what all are to hold ready
    std::string base;     // the digest of the rules that it was made from
};

// A gateway, and what it has answered.
struct Answered {
    nlohmann::json gateway;
    nlohmann::json answer;
};

struct ToldAll {
    // The answer of the one that is here, with the gateways that were told, and that were not.
    nlohmann::json here;
    std::vector<Answered> each;
};

// One question to one of them: by its socket, which is a file that namespaces of this machine have
// in common, or over ssh.  socket: of the one that is here.
Result<nlohmann::json> ask_gateway(const std::string& socket, const nlohmann::json& gateway,
                                   const nlohmann::json& request);

// Exit::no, Exit::usage: somebody refused, and nothing is changed.  Exit::world: somebody was not
// reached, and nothing is changed, or was not told in the end: the error says who has what.
Result<ToldAll> tell_all(const std::string& socket, const Recipients& to, const OrderToAll& order);

// What each would answer to the first step, without holding anything ready: with its "gateway".
Result<nlohmann::json> try_at_all(const std::string& socket, const Gateways& gateways,
                                  const OrderToAll& order);

}  // namespace rehome::vipctl
