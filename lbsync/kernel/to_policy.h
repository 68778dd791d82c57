// What the kernel runs as a policy: expressions as tests of fields, verdicts and acts.
//
// The proof reads this, and nothing of nft's text.  Addresses, interfaces and numbers are the
// host's own: what they are at another site is asked of the policy (lbsync/mapping/policy_image.h).
// A rule that is not understood has a doubt, and no steps.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lbsync/kernel/fields.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::kernel {

struct Naming {
    std::string where;  // the host
    std::function<bool(std::string_view table)> skipped;
    // A rule's words for people, by its table ("inet filter") and handle.
    std::function<std::string(const std::string& table, uint64_t handle)> words;
};

policy::Policy to_policy(const Ruleset& ruleset, const Naming& naming);

}  // namespace rehome::lbsync::kernel
