// What peers tell of their flows: the message, and what pages that are lost, late or of another run
// leave of it.
#include "vipd/state/known_flows.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/rss.h"

namespace rehome::vipd::testing {

namespace {

FlowKey flow(uint32_t n) {
    return {6,
            {Address::v4(0x64500000 + n), static_cast<uint16_t>(40000 + n)},
            end("198.51.100.10:1883")};
}

// What a worker sends of its flows, as FlowsTeller does.
std::vector<FlowsPage> told(const std::vector<FlowKey>& keys, uint32_t round, uint32_t pages = 1,
                            uint8_t worker = 0, uint8_t workers = 1) {
    Bloom bloom(pages, Bloom::Begin::empty);
    const uint64_t salt = 77 + round;
    for (const FlowKey& key : keys) {
        if (rss_queue(rss_hash(key.client), workers) == worker) {
            bloom.add(key.hash(salt));
        }
    }
    std::vector<FlowsPage> out;
    for (uint32_t i = 0; i < pages; ++i) {
        FlowsPage page{worker, workers, salt, round, i, pages};
        std::copy_n(bloom.page(i).begin(), Bloom::page_bytes, page.bytes.begin());
        out.push_back(page);
    }
    return out;
}

uint32_t count_known(const FlowsPages& pages, uint32_t from, uint32_t to) {
    uint32_t known = 0;
    for (uint32_t n = from; n < to; ++n) {
        known += pages.whole()->may_know(flow(n)) ? 1 : 0;
    }
    return known;
}

}  // namespace

TEST_CASE("a page of flows, there and back") {
    FlowsPage page{3, 4, 0x0123456789abcdef, 9, 5, 6};
    page.bytes.fill(0x5a);
    const auto bytes = encode(page);
    CHECK(bytes.size() == FlowsPage::message_bytes);
    CHECK(decode_flows_page(bytes) == page);
    struct Row {
        const char* what;
        size_t at;
        uint8_t value;
    };
    for (const Row& row :
         {Row{"a version that nobody knows", 0, 2}, Row{"worker 4 of 4", 1, 4},
          Row{"no workers", 2, 0}, Row{"too many workers", 2, 17}, Row{"page 6 of 6", 19, 6},
          Row{"no pages", 23, 0}, Row{"too many pages", 20, 1}}) {
        CAPTURE(row.what);
        auto wrong = bytes;
        wrong[row.at] = row.value;
        CHECK_FALSE(decode_flows_page(wrong));
    }
    for (const size_t size : {size_t{0}, size_t{24}, bytes.size() - 1, bytes.size() + 1}) {
        auto cut = bytes;
        cut.resize(size);
        CHECK_FALSE(decode_flows_page(cut));
    }
}

TEST_CASE("a peer's flows are known once all pages are there, in any order") {
    std::vector<FlowKey> keys;
    for (uint32_t n = 0; n < 1000; ++n) {
        keys.push_back(flow(n));
    }
    FlowsPages pages;
    CHECK(pages.whole() == nullptr);
    const auto sent = told(keys, 1, 3);
    CHECK_FALSE(pages.take(sent[2]));
    CHECK_FALSE(pages.take(sent[0]));
    CHECK_FALSE(pages.take(sent[0]));
    CHECK(pages.whole() == nullptr);
    CHECK(pages.take(sent[1]));
    CHECK_FALSE(pages.take(sent[1]));
    CHECK(count_known(pages, 0, 1000) == 1000);
    CHECK(count_known(pages, 1000, 3000) < 40);
}

TEST_CASE("a page that is lost has every flow, and the round after it mends that") {
    FlowsPages pages;
    const auto first = told({flow(1)}, 1, 2);
    CHECK_FALSE(pages.take(first[0]));
    const auto second = told({flow(2)}, 2, 2);
    CHECK(pages.take(second[0]));
    CHECK(pages.whole()->may_know(flow(1)));
    const uint32_t known = count_known(pages, 100, 1100);
    CHECK(known > 400);
    CHECK(known < 600);
    CHECK(pages.take(second[1]));
    CHECK(pages.whole()->may_know(flow(2)));
    CHECK(count_known(pages, 100, 1100) < 20);
}

TEST_CASE("each worker tells of its own clients, and other workers begin anew") {
    std::vector<FlowKey> keys;
    for (uint32_t n = 0; n < 200; ++n) {
        keys.push_back(flow(n));
    }
    FlowsPages pages;
    CHECK(pages.take(told(keys, 1, 1, 0, 2)[0]));
    CHECK(count_known(pages, 0, 200) == 200);  // of the other one nothing is known
    const uint32_t half = count_known(pages, 200, 1200);
    CHECK(half > 400);
    CHECK(pages.take(told(keys, 1, 1, 1, 2)[0]));
    CHECK(count_known(pages, 0, 200) == 200);
    CHECK(count_known(pages, 200, 1200) < 20);
    CHECK(pages.take(told({flow(7)}, 1)[0]));  // restarted, with one
    CHECK(pages.whole()->may_know(flow(7)));
    CHECK(count_known(pages, 20, 200) < 10);
}

}  // namespace rehome::vipd::testing
