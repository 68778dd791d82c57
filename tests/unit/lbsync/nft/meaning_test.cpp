// What nft's syntax trees mean.
#include "lbsync/nft/meaning.h"

#include "lbsync/proof/prove.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

using Answer = proof::Proof::Answer;

TEST_CASE("what the lab's hosts filter has a meaning, and is equal to itself alone") {
    for (const char* name : {"gateway", "server"}) {
        CAPTURE(std::string(name));
        Ruleset ruleset = reading(name).ruleset;
        const policy::Policy policy = nft::meaning(ruleset, "host");
        CHECK(policy.doubts.empty());
        CHECK(proof::prove(policy, policy, {}).answer == Answer::equal);

        ruleset.tables.front().chains.back().rules.erase(
            ruleset.tables.front().chains.back().rules.begin());
        const policy::Policy less = nft::meaning(ruleset, "host");
        const auto proof = proof::prove(policy, less, {});
        CHECK(proof.answer == Answer::differs);
        REQUIRE(!proof.differences.empty());
        CHECK(contains(proof.differences[0].packet, "let in"));
    }
}

TEST_CASE("all that nft is understood to say has a meaning, but for shifted bits") {
    const policy::Policy policy = nft::meaning(reading("statements").ruleset, "host");
    REQUIRE(policy.doubts.size() == 1);
    CHECK(contains(policy.doubts[0].what, "calculating with <<"));
    const auto proof = proof::prove(policy, policy, {});
    CHECK(proof.answer == Answer::unknown);
    CHECK(!proof.doubts.empty());
}

}  // namespace rehome::lbsync
