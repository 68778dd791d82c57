// Two sides compared, whatever they were read from: files, or hosts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "lbsync/policy/policy.h"
#include "lbsync/policy/services.h"
#include "lbsync/proof/prove.h"
#include "lbsync/services/difference.h"

namespace rehome::lbsync::side {

struct Side {
    std::string name;  // as the operator gave it
    // What packets meet, and what services there are; none: what was read says nothing of it.
    std::optional<policy::Policy> policy;
    std::optional<policy::Services> services;
};

struct Comparison {
    std::string old_name;
    std::string new_name;
    std::optional<proof::Proof> policies;
    std::optional<services::Differences> services;
    std::vector<std::string> beside;  // what was not compared

    Exit verdict() const;  // yes: equal; no: differs; unknown
};

// Error (Exit::usage): one is about packets, the other about services.
Result<Comparison> compare(const Side& old_one, const Side& new_one);

// For people, and as JSON ("rehome/lbsync-sides/1").
std::string text_report(const Comparison& comparison);
nlohmann::ordered_json json_report(const Comparison& comparison, std::string_view at);

}  // namespace rehome::lbsync::side
