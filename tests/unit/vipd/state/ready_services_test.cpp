// Which services a peer can serve: sets, what changes them, and what cannot be a page.
#include "vipd/state/ready_services.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/unit/vipd/packets.h"

namespace rehome::vipd {

namespace {

std::vector<uint64_t> some(std::mt19937_64& random, size_t count) {
    std::vector<uint64_t> keys(count);
    for (uint64_t& key : keys) {
        key = random();
    }
    return keys;
}

// Whether what is heard of those pages, in any order and some of them twice, is the set.
bool heard(HeardServices& by, std::vector<ServicesPage> pages, const ReadyServices& set) {
    std::mt19937_64 random(3);
    pages.push_back(pages.front());
    std::shuffle(pages.begin(), pages.end(), random);
    for (const auto& page : pages) {
        const auto again = decode_services_page(encode(page));
        REQUIRE(again == page);
        by.hear(*again);
    }
    return by.held() != nullptr && by.held()->keys() == set.keys();
}

}  // namespace

TEST_CASE("10,000 services are told in pages, and then what changes") {
    std::mt19937_64 random(1);
    auto keys = some(random, 10'000);
    const ReadyServices first(keys);
    HeardServices by;
    const auto all = pages_between({}, first);
    CHECK(all.size() == 63);
    CHECK(heard(by, all, first));
    CHECK(by.held()->has(keys[77]));

    const uint64_t masked = keys.back();
    keys.pop_back();
    keys.push_back(random());
    const ReadyServices second(keys);
    const auto change = pages_between(first, second);
    CHECK(change.size() == 1);
    CHECK(change[0].keys.size() == 2);
    CHECK(heard(by, change, second));
    CHECK_FALSE(by.held()->has(masked));

    CHECK_FALSE(by.hear(change[0]));  // once more: it is so already
    const ReadyServices none;
    CHECK(heard(by, pages_between(second, none), none));
    CHECK(heard(by, pages_between(none, first), first));
}

TEST_CASE("pages of another set, or that do not add up, change nothing") {
    std::mt19937_64 random(2);
    const ReadyServices first(some(random, 10)), second(some(random, 300)),
        third(some(random, 200));
    HeardServices by;
    CHECK_FALSE(by.hear(pages_between(second, third)[0]));
    CHECK(by.held() == nullptr);
    CHECK(by.hear(pages_between({}, first)[0]));
    const auto pages = pages_between(first, second);
    REQUIRE(pages.size() == 2);
    CHECK_FALSE(by.hear(pages[0]));
    auto wrong = pages[1];
    wrong.keys[0] ^= 1;
    CHECK_FALSE(by.hear(wrong));
    CHECK(by.held()->digest() == first.digest());
    CHECK(heard(by, pages, second));
}

TEST_CASE("what is no page") {
    const auto whole = encode(ServicesPage{1, 2, 0, 1, {3, 4}});
    CHECK(decode_services_page(whole));
    for (size_t length = 0; length < whole.size(); ++length) {
        const bool page = length >= 12 && (length - 12) % 8 == 0;
        CHECK(decode_services_page(std::span(whole).first(length)).has_value() == page);
    }
    CHECK_FALSE(decode_services_page(encode(ServicesPage{1, 2, 1, 1, {}})));
    CHECK_FALSE(decode_services_page(encode(ServicesPage{1, 2, 0, 0, {}})));
    CHECK_FALSE(decode_services_page(encode(ServicesPage{1, 2, 0, 1025, {}})));
    CHECK_FALSE(decode_services_page(
        encode(ServicesPage{1, 2, 0, 1, std::vector<uint64_t>(services_page_keys + 1)})));
}

}  // namespace rehome::vipd
