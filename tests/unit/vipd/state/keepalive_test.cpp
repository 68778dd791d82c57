// Keepalives on the wire: what is taken, and a longer list of what is refused.
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/state/keepalive.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

Keepalive lab() {
    Keepalive k;
    k.line_version = 7, k.seen_version = 6, k.flows_here = 3000, k.sequence = 0xffffffff;
    k.lines = {{11, true}, {22, false}, {33, true}};
    k.prefixes = {*Prefix::parse("198.51.100.0/24"), *Prefix::parse("2001:db8::/32"),
                  *Prefix::parse("0.0.0.0/0")};
    return k;
}

}  // namespace

TEST_CASE("what a gateway answers, as far as it is known") {
    for (const Answers answers : {Answers::nothing, Answers::unknown, Answers::both}) {
        Keepalive said;
        said.answers = answers;
        CHECK(decode_keepalive(encode(said)) == said);
    }
    Bytes more = encode(Keepalive{});
    more.insert(more.end(), {3, 1, 9});  // of a later version, which answers what this one knows
    CHECK(decode_keepalive(more)->answers == Answers::both);
}

TEST_CASE("keepalives come back as they went") {
    Keepalive only_lines = lab();
    only_lines.prefixes.clear();
    Keepalive all_options = lab();
    all_options.move = all_options.placement.emplace(UINT64_MAX);
    all_options.access = all_options.sites = 1;
    all_options.hears_you = all_options.copies = all_options.has_keys = true;
    all_options.hears_flows = true;
    all_options.answers = Answers::both;
    all_options.link_mtu = 0;
    all_options.services = {1, 2};
    Keepalive many_lines = all_options;
    many_lines.prefixes.clear();
    many_lines.lines.clear();
    for (uint32_t i = 0; i < 255; ++i) {
        many_lines.lines.push_back({i, i % 2 == 0});
    }
    for (const auto& k : {Keepalive{}, lab(), only_lines, all_options, many_lines}) {
        CHECK(decode_keepalive(encode(k)) == k);
        CHECK(encode(k).size() <= keepalive_max_bytes);
    }
}

TEST_CASE("as many prefixes as fit are told") {
    Keepalive k = lab();
    k.prefixes.assign(1000, *Prefix::parse("2001:db8::/32"));
    const auto bytes = encode(k);
    CHECK(bytes.size() <= keepalive_max_bytes);
    const auto back = decode_keepalive(bytes);
    REQUIRE(back);
    CHECK(back->lines == k.lines);
    CHECK(back->prefixes.size() == (keepalive_max_bytes - 24 - 15 - 69) / 18);
}

TEST_CASE("keepalives that are refused") {
    struct Row {
        std::string what;
        std::function<void(Bytes&)> spoil;
    };
    const Row rows[] = {
        {"nothing", [](Bytes& b) { b.clear(); }},
        {"another magic", [](Bytes& b) { b[0] ^= 1; }},
        {"version 0", [](Bytes& b) { b[4] = 0; }},
        {"version 2", [](Bytes& b) { b[4] = 2; }},
        {"more lines than bytes", [](Bytes& b) { b[5] = 255; }},
        {"one line too many", [](Bytes& b) { ++b[5]; }},
        {"one line too few", [](Bytes& b) { --b[5]; }},
        {"one prefix too many", [](Bytes& b) { ++b[7]; }},
        {"65,283 prefixes", [](Bytes& b) { b[6] = 0xff; }},
        {"family 0", [](Bytes& b) { b[24 + 15] = 0; }},
        {"family 5", [](Bytes& b) { b[24 + 15] = 5; }},
        {"an IPv4 prefix of 33 bits", [](Bytes& b) { b[24 + 15 + 1] = 33; }},
        {"an IPv6 prefix of 129 bits", [](Bytes& b) { b[24 + 15 + 6 + 1] = 129; }},
        {"an IPv4 prefix said to be IPv6", [](Bytes& b) { b[24 + 15] = 6; }},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Bytes bytes = encode(lab());
        REQUIRE(decode_keepalive(bytes));
        row.spoil(bytes);
        CHECK_FALSE(decode_keepalive(bytes));
    }
}

TEST_CASE("whatever is cut off a keepalive, it is refused") {
    const Bytes whole = encode(lab());
    for (size_t length = 0; length < whole.size(); ++length) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
        INFO("cut to ", length);
        CHECK_FALSE(decode_keepalive(cut));
    }
}

TEST_CASE("options behind what version 1 knows") {
    Keepalive full;
    full.move = 0x0123'4567'89ab'cdef;
    full.hears_you = true;
    full.answers = Answers::both;
    full.link_mtu = 0xfedc;
    full.services = {0x8765'4321, 0x9abc'def0};
    full.lines.assign(255, {1, true});
    full.prefixes.assign(200, *Prefix::parse("198.51.100.0/24"));
    const auto bytes = encode(full);
    CHECK(bytes.size() <= keepalive_max_bytes);
    const auto again = decode_keepalive(bytes);
    REQUIRE(again);
    CHECK(again->move == full.move);
    CHECK(again->link_mtu == full.link_mtu);
    CHECK(again->services == full.services);
    CHECK(again->prefixes.size() < 200);

    Bytes with = encode(Keepalive{});
    CHECK(with.size() == 24);
    const auto add = [&](std::initializer_list<uint8_t> option) {
        with.insert(with.end(), option);
    };
    add({77, 3, 1, 2, 3});  // of a later version
    add({78, 0});
    add({1, 8, 0, 0, 0, 0, 0, 0, 0, 9});
    add({79, 1, 1});
    REQUIRE(decode_keepalive(with));
    CHECK(decode_keepalive(with)->move == 9);
    for (size_t cut = 25; cut < with.size(); ++cut) {
        const bool whole = cut == 29 || cut == 31 || cut == 41;
        CHECK(decode_keepalive(std::span(with).first(cut)).has_value() == whole);
    }
    Bytes other_length = encode(Keepalive{});
    other_length.insert(other_length.end(), {1, 1, 9, 2, 2, 1, 1, 6, 1, 5});
    CHECK(decode_keepalive(other_length)->move == 0);
    CHECK_FALSE(decode_keepalive(other_length)->hears_you);
    CHECK_FALSE(decode_keepalive(other_length)->link_mtu);
    for (const bool hears : {false, true}) {
        Keepalive said;
        said.hears_you = hears;
        said.copies = hears;
        said.hears_flows = hears;
        CHECK(decode_keepalive(encode(said)) == said);
    }
}

TEST_CASE(
    "digests of what all gateways should have alike: none, not said, and one of its own each") {
    Keepalive said;
    CHECK_FALSE(decode_keepalive(encode(said))->sites);
    said.sites = 0;  // no order, which is not the same as saying nothing
    const Bytes none = encode(said);
    CHECK(decode_keepalive(none)->sites == 0);
    CHECK(Bytes(none.begin() + 24, none.end()) == Bytes{11, 8, 0, 0, 0, 0, 0, 0, 0, 0});
    said.placement = 0x1111, said.access = 0x2222, said.sites = 0xfedc'ba98'7654'3210;
    CHECK(decode_keepalive(encode(said)) == said);
    Bytes short_one = encode(Keepalive{});
    short_one.insert(short_one.end(), {11, 4, 1, 2, 3, 4});  // of a later version
    CHECK_FALSE(decode_keepalive(short_one)->sites);
    short_one.insert(short_one.end(), {11, 8, 0, 0});
    CHECK_FALSE(decode_keepalive(short_one));
}
