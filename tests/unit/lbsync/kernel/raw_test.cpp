// Rules in words that imply nothing.
#include "lbsync/kernel/raw.h"

#include "lbsync/kernel/flow.h"

#include "lbsync/nft/print.h"
#include "tests/unit/lbsync/kernel/host.h"

namespace rehome::lbsync::kernel {

namespace {

Expr key(const std::string& text) {
    Expr expr;
    expr.kind = Expr::Kind::key;
    expr.text = text;
    return expr;
}

Expr number(uint64_t value) {
    Expr expr;
    expr.number = value;
    return expr;
}

const Statement accept = lbsync::Verdict{[] {
    Expr expr;
    expr.kind = Expr::Kind::verdict;
    expr.text = "accept";
    return expr;
}()};

// The words of a rule that reads as these matches and runs as these expressions.
std::string raw(const std::vector<std::pair<std::string, Expr>>& matches,
                const std::string& expressions) {
    lbsync::Rule rule;
    for (const auto& [place, value] : matches) {
        rule.statements.emplace_back(Match{"==", key(place), value});
    }
    rule.statements.push_back(accept);
    const HostRead read = host_with(expressions + "," + verdict_of(1), "", "ip6");
    const Table& table = read.ruleset.tables.front();
    const auto runs = normal_form(table.chains.front().rules.front().node, Sets(table));
    REQUIRE(runs.has_value());
    const auto words = raw_rule(rule, *runs);
    return words ? print(*words, "ip6") : "none";
}

const std::string port = load(1, 2, 2, 2) + "," + equals(1, "0016");

}  // namespace

TEST_CASE("what nft would imply is said, and what the kernel does not look at is not") {
    CHECK(raw({{"tcp dport", number(22)}}, load(1, 1, 6, 1) + "," + equals(1, "06") + "," + port) ==
          "@nh,48,8 6 @th,16,16 22 accept");
    CHECK(raw({{"tcp dport", number(22)}}, R"({"meta":{"dreg":1,"key":16}},)" + equals(1, "06") +
                                               "," + port) == "meta l4proto 6 @th,16,16 22 accept");
}

TEST_CASE("addresses stay as they are, so that they can be mapped") {
    Expr address;
    address.kind = Expr::Kind::address;
    address.address = *Address::parse("2001:db8::1");
    CHECK(raw({{"ip6 saddr", address}, {"tcp dport", number(22)}},
              load(1, 1, 6, 1) + "," + equals(1, "06") + "," + load(1, 1, 8, 16) + "," +
                  equals(1, "20010db8000000000000000000000001") + "," + port) ==
          "ip6 saddr 2001:db8::1 @nh,48,8 6 @th,16,16 22 accept");
    // Nothing of an address in raw payload, where no mapping finds it.
    CHECK(raw({}, load(1, 1, 12, 4) + "," + equals(1, "0a000001")) == "none");
    CHECK(raw({}, load(1, 1, 8, 16) + "," + equals(1, "20010db8000000000000000000000001")) ==
          "none");
}

TEST_CASE("there are no words for other than plain tests of headers") {
    CHECK(raw({{"tcp dport", number(22)}}, load(1, 2, 2, 2) + "," + equals(1, "0016", 3)) ==
          "none");
    CHECK(raw({}, port + R"(,{"counter":{}})") == "none");
}

}  // namespace rehome::lbsync::kernel
