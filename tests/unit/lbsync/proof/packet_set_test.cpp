// What a proof may cost: from the first limit on nothing is answered, and what it was is said.
#include "lbsync/proof/packet_set.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include "lbsync/proof/prove.h"
#include "tests/unit/lbsync/proof/policies.h"

namespace rehome::lbsync::proof {

namespace {

// Whether two numbers of so many bits are the same, the one's bits above all of the other's: a
// diagram of more than 2^bits nodes.
PacketSet same_number(Diagrams& diagrams, int bits) {
    const int first = diagrams.new_variables(2 * bits);
    PacketSet same = PacketSet::all();
    for (int i = 0; i < bits; ++i) {
        same = same - (PacketSet::variable(first + i) ^ PacketSet::variable(first + bits + i));
    }
    return same;
}

using std::chrono::milliseconds;

}  // namespace

TEST_CASE("a limit that is reached is said, and nothing is answered from then on") {
    struct Case {
        Limits limits;
        std::string failure;
    };
    const Case cases[] = {
        {{.nodes = 50'000}, "the decision diagrams outgrew 50000 nodes"},
        {{.memory_mib = 2}, "the decision diagrams outgrew 2 MiB"},
        {{.time = milliseconds(50)}, "the proof took longer than 50 ms"},
        {{.time = milliseconds(0)}, "the proof took longer than 0 ms"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.failure);
        Diagrams diagrams(one.limits, 100);
        CHECK(same_number(diagrams, 22).empty());
        CHECK(Diagrams::failure() == one.failure);
        CHECK(PacketSet::variable(0).empty());
        CHECK((!PacketSet()).empty());
    }
    Diagrams diagrams({}, 100);
    CHECK(!same_number(diagrams, 8).empty());  // the next proof begins anew
    CHECK(Diagrams::failure() == "");
}

TEST_CASE("variables are made whenever they are needed") {
    mallopt(M_PERTURB, 0x5a);  // what is not written holds no zeros
    Diagrams diagrams({}, 100);
    for (int i = 0; i < 400; ++i) {  // the table is full on the way, within making some
        CHECK(!PacketSet::variable(diagrams.new_variables(64)).empty());
    }
    CHECK(Diagrams::failure() == "");
    mallopt(M_PERTURB, 0);
}

TEST_CASE("a proof that costs too much is no proof, of what is equal and of what differs") {
    const auto ports = [](uint32_t least) {
        std::vector<Rule> rules;
        for (uint32_t port = least; port < least + 200; ++port) {
            rules.push_back(rule({dport(port), accept()}));
        }
        return policy_of({base(rules, drop())});
    };
    for (const uint32_t other : {1'000U, 2'000U}) {
        CAPTURE(other);
        for (const Limits& limits : {Limits{.nodes = 100}, Limits{.time = milliseconds(0)}}) {
            const Proof proof = prove(ports(1'000), ports(other), {limits});
            CHECK(proof.answer == Proof::Answer::unknown);
            CHECK(proof.differences.empty());
            REQUIRE(proof.doubts.size() == 1);
            CHECK(proof.doubts[0].where == "the proof");
        }
        const Proof proof = prove(ports(1'000), ports(other), {});
        CHECK(proof.answer == (other == 1'000 ? Proof::Answer::equal : Proof::Answer::differs));
    }
}

}  // namespace rehome::lbsync::proof
