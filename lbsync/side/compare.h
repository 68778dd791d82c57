// Two sides compared, whatever they were read from: files, or hosts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "lbsync/mapping/left_alone.h"
#include "lbsync/mapping/map_file.h"
#include "lbsync/outside/compare.h"
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
    // What stands outside a host's rule sets; none: of a file.
    std::shared_ptr<const outside::Facts> outside{};
};

struct Comparison {
    std::string old_name;
    std::string new_name;
    std::optional<proof::Proof> policies;
    std::optional<services::Differences> services;
    std::optional<outside::Comparison> outside;
    std::vector<LeftAlone> left_alone;   // tables, at either side
    std::vector<std::string> unmatched;  // entries of the mapping file
    // What one side has and the other, by its format, says nothing of.  The verdict is then of the
    // rest alone, and both reports say so.
    std::vector<std::string> one_sided;
    std::vector<std::string> beside;  // what else stands there and was not compared

    Exit verdict() const;  // yes: equal; no: differs; unknown
};

// map: from the old side to the new one; what it leaves alone is not compared.
// Errors (Exit::usage): one is about packets, the other about services; objects of the old side
// without a counterpart, all of them.
// bounds: what the proof may cost.
Checked<Comparison> compare(Side old_one, Side new_one, const MapFile& map = {},
                            const proof::Bounds& bounds = {});

// For people, and as JSON ("rehome/lbsync-sides/1").
std::string text_report(const Comparison& comparison);
nlohmann::ordered_json json_report(const Comparison& comparison, std::string_view at);

}  // namespace rehome::lbsync::side
