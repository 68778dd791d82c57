// What the kernel runs as a policy: expressions as tests of fields, verdicts and acts.
//
// The proof reads this, and nothing of nft's text.  Every address and interface in it goes through
// the images, so that an old site's policy comes out in the new one's words.  A rule that is not
// understood has a doubt, and no steps.
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

policy::Policy to_policy(const Ruleset& ruleset, const Naming& naming, const Images& images);

}  // namespace rehome::lbsync::kernel
