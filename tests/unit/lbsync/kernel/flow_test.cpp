// Rules by the data flow of bytes: what is equal, what is not, and what has no normal form.
#include "lbsync/kernel/flow.h"

#include "lbsync/kernel/canonical.h"

#include "tests/unit/lbsync/kernel/host.h"

namespace rehome::lbsync::kernel {

namespace {

// The normal form of a rule of these expressions.
std::vector<std::string> lines(const std::string& expressions, const std::string& sets = "") {
    const HostRead read = host_with(expressions, sets);
    const Table& only = read.ruleset.tables.front();
    const Part& rule = only.chains.front().rules.front();
    CHECK(rule.unknown.empty());
    const Sets known(only);
    const auto normal = normal_form(rule.node, known);
    return normal ? canonical(*normal, known) : std::vector{"refused: " + normal.error()};
}

const std::string accept = verdict_of(1);
const std::string protocol = R"({"meta":{"dreg":1,"key":16}})";
const std::string mark = R"({"meta":{"dreg":1,"key":3}})";
const std::string set_mark = R"({"immediate":{"dreg":2,"data":{"value":"01000000"}}},)"
                             R"({"meta":{"sreg":2,"key":3}})";

}  // namespace

TEST_CASE("register numbers and merged loads do not matter") {
    const auto one = lines(load(1, 1, 12, 8) + "," + equals(1, "0a0000010a000002") + "," + accept);
    const auto two = lines(load(9, 1, 12, 4) + "," + equals(9, "0a000001") + "," +
                           load(3, 1, 16, 4) + "," + equals(3, "0a000002") + "," + accept);
    const auto swapped = lines(load(1, 1, 16, 4) + "," + equals(1, "0a000002") + "," +
                               load(2, 1, 12, 4) + "," + equals(2, "0a000001") + "," + accept);
    CHECK(one == two);
    CHECK(one == swapped);
    CHECK(one.back() == "verdict 1 ");
}

TEST_CASE("the next header is not the protocol behind all headers") {
    const std::string port = load(1, 2, 2, 2) + "," + equals(1, "0016") + "," + accept;
    CHECK(lines(load(1, 1, 6, 1) + "," + equals(1, "06") + "," + port) !=
          lines(protocol + "," + equals(1, "06") + "," + port));
}

TEST_CASE("the type of a frame is not that of what a tag wraps") {
    CHECK(lines(load(1, 0, 12, 2) + "," + equals(1, "0800")) !=
          lines(load(1, 0, 16, 2) + "," + equals(1, "0800")));
}

TEST_CASE("a mask is of bytes, and a calculation is followed") {
    const auto masked = [&](const std::string& mask, const std::string& flip,
                            const std::string& value) {
        return lines(load(1, 1, 12, 4) +
                     R"(,{"bitwise":{"sreg":1,"dreg":2,"len":4,"op":0,"mask":{"value":")" + mask +
                     R"("},"xor":{"value":")" + flip + R"("}}},)" + equals(2, value));
    };
    CHECK(masked("ff000000", "00000000", "0a000000") != masked("ffff0000", "00000000", "0a000000"));
    CHECK(masked("ffffffff", "01000000", "0b000000") == masked("ffffffff", "00000000", "0a000000"));
}

TEST_CASE("a value loaded after it was changed is another") {
    const std::string test = mark + "," + equals(1, "02000000");
    CHECK(lines(test + "," + set_mark) != lines(set_mark + "," + test));
    const auto stale = lines(mark + "," + set_mark + "," + equals(1, "02000000"));
    CHECK(stale != lines(set_mark + "," + test));
}

TEST_CASE("acts keep their order") {
    const std::string limit = R"({"limit":{"rate":5,"unit":1,"burst":5,"type":0,"flags":0}})";
    const std::string test = load(1, 2, 2, 2) + "," + equals(1, "0016");
    CHECK(lines(limit + "," + test + "," + accept) != lines(test + "," + limit + "," + accept));
}

TEST_CASE("an anonymous set is what it holds, whatever its name and order") {
    const auto with = [](const std::string& name, const std::string& elements) {
        return lines(load(1, 2, 2, 2) + R"(,{"lookup":{"set":")" + name + R"(","sreg":1}})",
                     R"({"name":")" + name +
                         R"(","flags":3,"key_type":13,"key_len":2,"elements":[)" + elements + "]}");
    };
    const std::string a = R"({"key":{"value":"0016"}})";
    const std::string b = R"({"key":{"value":"0050"}})";
    CHECK(with("__set0", a + "," + b) == with("__set7", b + "," + a));
    CHECK(with("__set0", a) != with("__set0", b));
    CHECK(with("__set0", a) != with("__set0", a + "," + b));
}

TEST_CASE("translation is told with where its addresses came from") {
    const std::string immediate = R"({"immediate":{"dreg":1,"data":{"value":"0a000001"}}})";
    const auto nat =
        lines(immediate + R"(,{"nat":{"type":1,"family":2,"reg_addr_min":1,"flags":1}})");
    REQUIRE(nat.size() == 1);
    CHECK(nat[0] == "nat(family=2 flags=1 type=1) reg_addr_min=0a 00 00 01");
}

TEST_CASE("what is not understood is refused, with its words") {
    for (const std::string& expressions :
         {equals(1, "06"), load(1, 9, 0, 4), load(99, 1, 0, 4), load(1, 1, 0, 65),
          std::string(R"({"meta":{"dreg":1,"key":200}})"), std::string(R"({"tunnel":{"dreg":1}})"),
          std::string(R"({"lookup":{"set":"gone","sreg":1}})"),
          std::string(R"({"immediate":{"dreg":0,"data":{"value":"01"}}})")}) {
        CAPTURE(expressions);
        const auto refused = lines(expressions);
        REQUIRE(refused.size() == 1);
        CHECK(refused[0].starts_with("refused: expression "));
    }
}

}  // namespace rehome::lbsync::kernel
