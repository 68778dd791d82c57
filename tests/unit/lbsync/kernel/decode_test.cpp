// Attributes of netlink as nodes: all that is known, and nothing unknown passed over.
#include "lbsync/kernel/decode.h"

#include <doctest/doctest.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <tuple>

#include "lbsync/kernel/attributes.h"

namespace rehome::lbsync::kernel {

namespace {

// An attribute as it stands in a message: length, number, content, padding.
Bytes attribute(uint16_t number, const Bytes& content) {
    const auto length = static_cast<uint16_t>(content.size() + 4);
    Bytes bytes{static_cast<uint8_t>(length), static_cast<uint8_t>(length >> 8),
                static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8)};
    bytes.insert(bytes.end(), content.begin(), content.end());
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes text(const std::string& words) {
    Bytes bytes(words.begin(), words.end());
    bytes.push_back(0);
    return bytes;
}

Bytes number(uint8_t value) {
    return {0, 0, 0, value};
}

Bytes expression(const std::string& name, const Bytes& data) {
    return attribute(NFTA_LIST_ELEM,
                     attribute(NFTA_EXPR_NAME, text(name)) + attribute(NFTA_EXPR_DATA, data));
}

Bytes rule(const Bytes& expressions) {
    return attribute(NFTA_RULE_EXPRESSIONS, expressions);
}

Decoded decoded(std::string_view group, const Bytes& bytes) {
    return decode(group, std::as_bytes(std::span(bytes)));
}

const Bytes next_header = attribute(NFTA_PAYLOAD_DREG, number(1)) +
                          attribute(NFTA_PAYLOAD_BASE, number(NFT_PAYLOAD_NETWORK_HEADER)) +
                          attribute(NFTA_PAYLOAD_OFFSET, number(6)) +
                          attribute(NFTA_PAYLOAD_LEN, number(1));

}  // namespace

TEST_CASE("a rule is read with every attribute of its expressions") {
    const Bytes value = attribute(NFTA_DATA_VALUE, {6});
    const auto read =
        decoded("rule", attribute(NFTA_RULE_HANDLE, {0, 0, 0, 0, 0, 0, 1, 2}) +
                            rule(expression("payload", next_header) +
                                 expression("cmp", attribute(NFTA_CMP_SREG, number(1)) +
                                                       attribute(NFTA_CMP_OP, number(NFT_CMP_EQ)) +
                                                       attribute(NFTA_CMP_DATA, value))));
    CHECK(read.unknown.empty());
    CHECK(read.node.number("handle") == 0x102);
    const auto& expressions = read.node.nodes("expressions");
    REQUIRE(expressions.size() == 2);
    CHECK(expressions[0].group == "payload");
    CHECK(expressions[0].number("base") == NFT_PAYLOAD_NETWORK_HEADER);
    CHECK(expressions[0].number("offset") == 6);
    CHECK(expressions[1].node("data")->bytes("value") == Bytes{6});
}

TEST_CASE("what is newer than this program is told, wherever it stands") {
    const Bytes newer = attribute(99, number(1));
    const std::pair<Bytes, std::string> cases[] = {
        {newer, "rule: attribute 99"},
        {rule(expression("payload", next_header + newer)), "payload: attribute 99"},
        {rule(expression("inner", {})), "expression inner"},
        {rule(attribute(NFTA_LIST_ELEM, newer)), "expression: attribute 99"},
        {rule(expression("cmp", attribute(NFTA_CMP_DATA, newer))), "data: attribute 99"},
        {rule(expression("cmp", attribute(NFTA_CMP_OP, {1, 2, 3, 4, 5, 6, 7, 8, 9}))),
         "cmp: op of 9 bytes"},
        {attribute(NFTA_RULE_HANDLE, number(1)) + attribute(NFTA_RULE_HANDLE, number(2)),
         "rule: handle twice"},
        {Bytes{8, 0}, "rule: attributes that are cut short"},
        {Bytes{200, 0, 1, 0, 1, 2, 3, 4}, "rule: attributes that are cut short"},
    };
    for (const auto& [bytes, what] : cases) {
        CAPTURE(what);
        const auto read = decoded("rule", bytes);
        CHECK(std::find(read.unknown.begin(), read.unknown.end(), what) != read.unknown.end());
    }
}

TEST_CASE("counters, handles of tables and times that run are state") {
    const auto counter = decoded("counter", attribute(NFTA_COUNTER_BYTES, {0, 0, 0, 9}));
    CHECK(counter.unknown.empty());
    CHECK(counter.node.attributes.empty());
}

TEST_CASE("a chain of several devices, and an object by its type") {
    const Bytes devices =
        attribute(NFTA_DEVICE_NAME, text("a")) + attribute(NFTA_DEVICE_NAME, text("b"));
    const auto chain =
        decoded("chain", attribute(NFTA_CHAIN_HOOK, attribute(NFTA_HOOK_DEVS, devices)));
    CHECK(chain.unknown.empty());
    REQUIRE(chain.node.node("hook")->nodes("devices").size() == 2);
    CHECK(chain.node.node("hook")->nodes("devices")[1].text("name") == "b");

    const Bytes data = attribute(NFTA_OBJ_DATA, attribute(NFTA_LIMIT_BURST, number(5)));
    const auto limit = decoded("object", attribute(NFTA_OBJ_TYPE, number(NFT_OBJECT_LIMIT)) + data);
    CHECK(limit.unknown.empty());
    CHECK(limit.node.node("data")->group == "limit");
    const auto newer = decoded("object", attribute(NFTA_OBJ_TYPE, number(77)) + data);
    CHECK(newer.unknown == std::vector<std::string>{"object of type 77"});
}

TEST_CASE("the numbers are the kernel's") {
    const std::tuple<const char*, uint16_t, const char*> cases[] = {
        {"table", NFTA_TABLE_OWNER, "owner"},
        {"chain", NFTA_CHAIN_USERDATA, "userdata"},
        {"rule", NFTA_RULE_USERDATA, "userdata"},
        {"set", NFTA_SET_EXPRESSIONS, "expressions"},
        {"element", NFTA_SET_ELEM_EXPRESSIONS, "expressions"},
        {"bitwise", NFTA_BITWISE_DATA, "data"},
        {"byteorder", NFTA_BYTEORDER_SIZE, "size"},
        {"range", NFTA_RANGE_TO_DATA, "to"},
        {"lookup", NFTA_LOOKUP_FLAGS, "flags"},
        {"dynset", NFTA_DYNSET_EXPRESSIONS, "expressions"},
        {"payload", NFTA_PAYLOAD_CSUM_FLAGS, "csum_flags"},
        {"exthdr", NFTA_EXTHDR_SREG, "sreg"},
        {"ct", NFTA_CT_SREG, "sreg"},
        {"limit", NFTA_LIMIT_FLAGS, "flags"},
        {"log", NFTA_LOG_FLAGS, "flags"},
        {"queue", NFTA_QUEUE_SREG_QNUM, "sreg_qnum"},
        {"nat", NFTA_NAT_FLAGS, "flags"},
        {"masq", NFTA_MASQ_REG_PROTO_MAX, "reg_proto_max"},
        {"redir", NFTA_REDIR_FLAGS, "flags"},
        {"tproxy", NFTA_TPROXY_REG_PORT, "reg_port"},
        {"fwd", NFTA_FWD_NFPROTO, "nfproto"},
        {"objref", NFTA_OBJREF_SET_ID, "set_id"},
        {"fib", NFTA_FIB_FLAGS, "flags"},
        {"hash", NFTA_HASH_TYPE, "type"},
        {"numgen", NFTA_NG_OFFSET, "offset"},
        {"tunnel", NFTA_TUNNEL_MODE, "mode"},
        {"flowtable", NFTA_FLOWTABLE_FLAGS, "flags"},
        {"object", NFTA_OBJ_USERDATA, "userdata"},
    };
    for (const auto& [group, number, name] : cases) {
        CAPTURE(group);
        const Known* known = find_attribute(*find_group(group), number);
        REQUIRE(known != nullptr);
        CHECK(known->name == name);
    }
}

}  // namespace rehome::lbsync::kernel
