// Pairs of policies, and what can be proven about them.
#include "lbsync/proof/prove.h"

#include <doctest/doctest.h>

#include "tests/unit/lbsync/proof/policies.h"

namespace rehome::lbsync::proof {

namespace {

using Answer = Proof::Answer;

struct Case {
    std::string name;
    Policy a;
    Policy b;
    Answer answer;
};

std::vector<Case> cases() {
    return {
        {"itself", policy_of({base({rule({tcp(), dport(22), accept()})}, drop())}),
         policy_of({base({rule({tcp(), dport(22), accept()})}, drop())}), Answer::equal},
        {"another port", policy_of({base({rule({tcp(), dport(22), accept()})}, drop())}),
         policy_of({base({rule({tcp(), dport(23), accept()})}, drop())}), Answer::differs},
        {"a set, split",
         policy_of({base({rule({in(field::destination_port(), {{22, 23}}), accept()})}, drop())}),
         policy_of({base({rule({dport(22), accept()}), rule({dport(23), accept()})}, drop())}),
         Answer::equal},
        {"disjoint rules, permuted",
         policy_of({base({rule({dport(22), accept()}), rule({dport(23), drop()})}, drop())}),
         policy_of({base({rule({dport(23), drop()}), rule({dport(22), accept()})}, drop())}),
         Answer::equal},
        {"a chain, inlined",
         policy_of({base({rule({tcp(), jump(1)}), rule({dport(24), accept()})}, drop()),
                    plain({rule({dport(22), back()}), rule({dport(24), drop()})})}),
         policy_of({base({rule({tcp(), dport(24), drop()}), rule({dport(24), accept()})}, drop())}),
         Answer::equal},
        {"goto does not come back",
         policy_of({base({rule({tcp(), go_to(1)}), rule({dport(22), accept()})}, drop()),
                    plain({rule({dport(23), accept()})})}),
         policy_of({base({rule({tcp(), jump(1)}), rule({dport(22), accept()})}, drop()),
                    plain({rule({dport(23), accept()})})}),
         Answer::differs},
        {"a negated test is no negated rule: fragments have no ports",
         policy_of(
             {base({rule({in(field::destination_port(), {{22, 22}}, true), drop()})}, accept())}),
         policy_of({base({rule({dport(22), accept()})}, drop())}), Answer::differs},
        {"how it is rejected", policy_of({base({rule({tcp(), reject("tcp reset")})}, accept())}),
         policy_of({base({rule({tcp(), drop()})}, accept())}), Answer::differs},
        {"accept ends its own chain only",
         policy_of({base({rule({dport(22), accept()})}, accept()),
                    base({rule({dport(22), drop()})}, accept(), Stage::input, 10)}),
         policy_of({base({rule({dport(22), drop()})}, accept())}), Answer::equal},
        {"dropped earlier on the same way",
         policy_of({base({rule({dport(22), drop()})}, accept(), Stage::prerouting)}),
         policy_of({base({rule({dport(22), drop()})}, accept(), Stage::input),
                    base({rule({dport(22), drop()})}, accept(), Stage::forward)}),
         Answer::equal},
        {"a limit that all packets use up, and one that some do",
         policy_of({base({rule({limit(), dport(22), accept()})}, drop())}),
         policy_of({base({rule({dport(22), limit(), accept()})}, drop())}), Answer::differs},
        {"the same limit", policy_of({base({rule({tcp(), dport(22), limit(), accept()})}, drop())}),
         policy_of({base({rule({dport(22), tcp(), limit(), accept()})}, drop())}), Answer::equal},
        {"a number drawn for a map, whose elements stand in another order",
         policy_of({base({rule({drawn_for({{0, accept()}, {1, drop()}})})}, drop())}),
         policy_of({base({rule({drawn_for({{1, drop()}, {0, accept()}})})}, drop())}),
         Answer::equal},
        {"one drawn number for a map, and a number for each element",
         policy_of({base({rule({drawn_for({{0, accept()}, {1, accept()}})})}, drop())}),
         policy_of({base({rule({drawn_for({{0, accept()}})}), rule({drawn_for({{1, accept()}})})},
                         drop())}),
         Answer::differs},
        {"a map's element for all others is for the others",
         policy_of(
             {base({rule({marked({{{22, 22}, 1}, {{0, 65535}, 2}})}), rule({mark(2), drop()})},
                   accept())}),
         policy_of({base({rule({marked({{{0, 65535}, 2}})}), rule({mark(2), drop()})}, accept())}),
         Answer::differs},
        {"a map's element for all others, and what they are",
         policy_of(
             {base({rule({marked({{{22, 22}, 1}, {{0, 65535}, 2}})}), rule({mark(2), drop()})},
                   accept())}),
         policy_of({base({rule({marked({{{23, 65535}, 2}, {{0, 21}, 2}, {{22, 22}, 1}})}),
                          rule({mark(2), drop()})},
                         accept())}),
         Answer::equal},
        {"the zone in which a connection is looked for",
         policy_of({base({rule({zone(1)})}, accept(), Stage::prerouting, -300)}),
         policy_of({base({rule({zone(2)})}, accept(), Stage::prerouting, -300)}), Answer::differs},
        {"a mark by which a packet is routed again, and one that comes too late for that",
         policy_of({rerouting({rule({tcp(), set_mark(1)})})}),
         policy_of({base({rule({tcp(), set_mark(1)})}, accept(), Stage::output)}), Answer::differs},
        {"routed again, whatever is marked afterwards",
         policy_of({rerouting({rule({tcp(), set_mark(1)})}),
                    base({rule({tcp(), set_mark(2)})}, accept(), Stage::output, 10)}),
         policy_of({rerouting({rule({tcp(), set_mark(3)})}),
                    base({rule({tcp(), set_mark(2)})}, accept(), Stage::output, 10)}),
         Answer::differs},
        {"the same routed again", policy_of({rerouting({rule({tcp(), set_mark(1)})})}),
         policy_of({rerouting({rule({tcp(), set_mark(5)}), rule({tcp(), set_mark(1)})})}),
         Answer::equal},
        {"one limit for two, and two limits",
         policy_of({base({rule({dport(22), jump(1)}), rule({dport(23), jump(1)})}, drop()),
                    plain({rule({limit(), accept()})})}),
         policy_of(
             {base({rule({dport(22), limit(), accept()}), rule({dport(23), limit(), accept()})},
                   drop())}),
         Answer::unknown},
        {"a named limit for two",
         policy_of({base(
             {rule({dport(22), limit("l"), accept()}), rule({dport(23), limit("l"), accept()})},
             drop())}),
         policy_of({base(
             {rule({dport(22), limit("m"), accept()}), rule({dport(23), limit("m"), accept()})},
             drop())}),
         Answer::equal},
        {"what is not known may stand anywhere",
         policy_of({base({rule({opaque("x"), dport(22), accept()})}, drop())}),
         policy_of({base({rule({dport(22), opaque("x"), accept()})}, drop())}), Answer::equal},
        {"two that are not known", policy_of({base({rule({opaque("x"), accept()})}, drop())}),
         policy_of({base({rule({opaque("y"), accept()})}, drop())}), Answer::unknown},
        {"a log", policy_of({base({rule({tcp(), Act{"log", ""}})}, drop())}),
         policy_of({base({}, drop())}), Answer::differs},
        {"two logs are not one",
         policy_of({base({rule({Act{"log", ""}}), rule({tcp(), Act{"log", ""}})}, drop())}),
         policy_of({base({rule({Act{"log", ""}})}, drop())}), Answer::differs},
        {"a mark that is written and read",
         policy_of(
             {base({rule({tcp(), Store{field::mark(), {{}, 0, 1}}}),
                    rule({is(field::mark(), 1), drop()}), rule({Store{field::mark(), {{}, 0, 0}}})},
                   accept())}),
         policy_of({base({rule({tcp(), drop()}), rule({is(field::mark(), 1), drop()}),
                          rule({Store{field::mark(), {{}, 0, 0}}})},
                         accept())}),
         Answer::equal},
        {"a mark that stays",
         policy_of({base({rule({tcp(), Store{field::mark(), {{}, 0, 1}}})}, accept())}),
         policy_of({base({}, accept())}), Answer::differs},
        {"a mark that routing sees",
         policy_of({base({rule({Store{field::mark(), {{}, 0, 1}}})}, accept(), Stage::prerouting),
                    base({rule({Store{field::mark(), {{}, 0, 0}}})}, accept(), Stage::input),
                    base({rule({Store{field::mark(), {{}, 0, 0}}})}, accept(), Stage::forward)}),
         policy_of({base({rule({Store{field::mark(), {{}, 0, 0}}})}, accept(), Stage::input),
                    base({rule({Store{field::mark(), {{}, 0, 0}}})}, accept(), Stage::forward)}),
         Answer::differs},
    };
}

}  // namespace

TEST_CASE("the kernel's own work at a chain's very priority may come first, or not") {
    const auto answer = [](int priority, Stage stage, Test test, bool translated) {
        Chain nat = base({rule({Nat{Nat::Kind::destination, false, Span{1, 1}, {}, ""}})}, accept(),
                         stage, -90);
        nat.hook->nat = true;
        Policy policy =
            policy_of({base({rule({std::move(test), drop()})}, accept(), stage, priority)});
        if (translated) {
            policy.chains.push_back(nat);
        }
        return prove(policy, policy, {}).answer;
    };
    const Test state = is(field::ct_state(), 2);
    const Test interface = is(field::in_interface(), as_name("eth0"));
    for (const int priority : {-201, -199}) {
        CHECK(answer(priority, Stage::prerouting, state, false) == Answer::equal);
    }
    CHECK(answer(-200, Stage::prerouting, state, false) == Answer::unknown);
    CHECK(answer(-200, Stage::prerouting, dport(22), false) == Answer::equal);
    CHECK(answer(-200, Stage::input, state, false) == Answer::equal);  // it has been tracked
    for (const int priority : {-101, -99}) {
        CHECK(answer(priority, Stage::prerouting, dport(22), true) == Answer::equal);
    }
    CHECK(answer(-100, Stage::prerouting, dport(22), true) == Answer::unknown);
    CHECK(answer(-100, Stage::prerouting, interface, true) == Answer::equal);
    CHECK(answer(-100, Stage::prerouting, dport(22), false) == Answer::equal);
}

TEST_CASE("an empty chain comes first or not, which is the same") {
    const auto with = [](Verdict policy) {
        Chain marks = base({rule({set_mark(1)})}, accept());
        Chain empty = base({}, std::move(policy));
        marks.hook->rank = {};
        empty.hook->rank = {};
        return policy_of({empty, marks, empty});
    };
    CHECK(prove(with(accept()), with(accept()), {}).answer == Answer::equal);
    CHECK(prove(with(drop()), with(drop()), {}).answer == Answer::unknown);
}

TEST_CASE("each family has its own order of chains") {
    const auto with = [](unsigned rank6) {
        Chain both = base({rule({set_mark(1)})}, accept(), Stage::input, 0, Layer::inet);
        Chain other = base({rule({mark(1), drop()})}, accept(), Stage::input, 0, Layer::ip6);
        both.hook->rank = 3;
        both.hook->rank6 = rank6;
        other.hook->rank = 1;
        return policy_of({both, other});
    };
    CHECK(prove(with(2), with(2), {}).answer == Answer::equal);
    CHECK(prove(with(0), with(2), {}).answer == Answer::differs);
}

TEST_CASE("pairs of policies are proven equal, told apart, or neither") {
    for (const Case& it : cases()) {
        CAPTURE(it.name);
        const Proof proof = prove(it.a, it.b, {});
        CHECK(static_cast<int>(proof.answer) == static_cast<int>(it.answer));
        CHECK(proof.differences.empty() == (it.answer != Answer::differs));
        CHECK(proof.doubts.empty() == (it.answer != Answer::unknown));
    }
}

}  // namespace rehome::lbsync::proof
