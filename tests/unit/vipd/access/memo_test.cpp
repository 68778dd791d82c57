// What is remembered of the classifier's answers: never another answer than the classifier's.
#include "vipd/access/memo.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <memory>
#include <vector>

using namespace rehome::vipd;

namespace {

// Answers by what a key is and by a number of its own, and tells how many keys it was asked for.
class Counting : public Classifier {
public:
    explicit Counting(uint32_t salt, uint32_t rules = 50) : salt_(salt), rules_(rules) {}

    void find(std::span<const AccessKeyV4> keys, uint32_t* rules) const override {
        answer(keys, rules);
    }
    void find(std::span<const AccessKeyV6> keys, uint32_t* rules) const override {
        answer(keys, rules);
    }
    // Those since the last call.
    size_t asked() const { return std::exchange(asked_, 0); }

private:
    template <typename Key>
    void answer(std::span<const Key> keys, uint32_t* rules) const {
        asked_ += keys.size();
        for (const Key& key : keys) {
            const auto rule = static_cast<uint32_t>(hash_bytes(key.bytes, salt_) % (rules_ + 1));
            *rules++ = rule == rules_ ? none : rule;
        }
    }

    uint32_t salt_, rules_;
    mutable size_t asked_ = 0;
};

template <size_t address_bytes>
AccessKey<address_bytes> key_of(uint32_t client, uint32_t vip, uint16_t port, uint8_t protocol) {
    std::array<uint8_t, address_bytes> from{}, to{};
    store32(&from[address_bytes - 4], client);
    store32(&to[address_bytes - 4], vip);
    AccessKey<address_bytes> key;
    key.set(protocol, from.data(), to.data(), port);
    return key;
}

template <typename Memo>
std::vector<uint32_t> find(Memo& memo, const Classifier& classifier,
                           const std::vector<typename Memo::Key>& keys) {
    std::vector<uint32_t> rules(keys.size());
    std::vector<typename Memo::Place> places;
    for (const auto& key : keys) {
        places.push_back(memo.fetch(key));
    }
    memo.find(classifier, keys, places.data(), rules.data());
    return rules;
}

template <typename Key>
std::vector<uint32_t> plain(const Classifier& classifier, const std::vector<Key>& keys) {
    std::vector<uint32_t> rules(keys.size());
    classifier.find(keys, rules.data());
    return rules;
}

// Bursts of few keys that come again, and changes of the rules between them, in a table in which
// they push each other out.
template <size_t address_bytes>
void answers_as_the_classifier() {
    using Memo = AccessMemo<address_bytes, 256>;
    Memo memo(*rc::gen::arbitrary<uint64_t>());
    const auto draw = [] { return *rc::gen::inRange<uint32_t>(0, 3); };
    auto rules = std::make_unique<const Counting>(0);
    for (uint32_t step = *rc::gen::inRange<uint32_t>(0, 40); step > 0; --step) {
        if (*rc::gen::inRange(0, 4) == 0) {
            rules =
                std::make_unique<const Counting>(step, *rc::gen::element(0U, 1U, 50U, 100'000U));
            memo.forget();
        }
        std::vector<typename Memo::Key> keys;
        for (size_t i = *rc::gen::inRange<size_t>(0, Memo::at_once + 1); i > 0; --i) {
            keys.push_back(key_of<address_bytes>(draw(), draw(), static_cast<uint16_t>(draw()),
                                                 *rc::gen::element<uint8_t>(6, 17)));
        }
        RC_ASSERT(find(memo, *rules, keys) == plain(*rules, keys));
    }
}

}  // namespace

TEST_CASE("what is remembered is what the classifier says, whatever comes and changes") {
    CHECK(rc::check([] { answers_as_the_classifier<4>(); }));
    CHECK(rc::check([] { answers_as_the_classifier<16>(); }));
}

TEST_CASE_TEMPLATE("a key is asked about once, until the rules change", Memo, AccessMemo<4>,
                   AccessMemo<16>) {
    Memo memo(1);
    const Counting before(1), after(2);
    constexpr size_t address_bytes = (Memo::Key::size - 5) / 2;
    std::vector<typename Memo::Key> keys;
    for (uint32_t i = 0; i < 60; ++i) {
        keys.push_back(key_of<address_bytes>(i, 7, 1883, 6));
    }
    find(memo, before, keys);
    CHECK(before.asked() == 60);
    CHECK(find(memo, before, keys) == plain(before, keys));
    CHECK(before.asked() == 60);  // by plain()
    memo.forget();
    CHECK(find(memo, after, keys) == plain(after, keys));
    CHECK(after.asked() == 120);
    CHECK(find(memo, after, keys) == plain(after, keys));
    CHECK(after.asked() == 60);
}

TEST_CASE("keys that differ in one thing are different") {
    AccessMemo<4> memo(1);
    const Counting rules(1);
    const std::vector<AccessKeyV4> keys{key_of<4>(1, 7, 80, 6),  key_of<4>(2, 7, 80, 6),
                                        key_of<4>(1, 8, 80, 6),  key_of<4>(1, 7, 81, 6),
                                        key_of<4>(1, 7, 80, 17), key_of<4>(0, 0, 0, 6)};
    for (const AccessKeyV4& key : keys) {
        find(memo, rules, {key});
        CHECK(rules.asked() == 1);
    }
    find(memo, rules, keys);
    CHECK(rules.asked() == 0);
}

TEST_CASE("who sends from ever other addresses makes others be asked about again, and no more") {
    AccessMemo<4, 4096> memo(1);
    const Counting rules(1);
    const std::vector<AccessKeyV4> mine{key_of<4>(1, 7, 80, 6), key_of<4>(2, 7, 80, 6)};
    find(memo, rules, mine);
    for (uint32_t i = 1000; i < 11'000; ++i) {
        find(memo, rules, {key_of<4>(i, 7, 80, 6)});
    }
    rules.asked();
    CHECK(find(memo, rules, mine) == plain(rules, mine));
    CHECK(rules.asked() == 4);
    find(memo, rules, mine);
    CHECK(rules.asked() == 0);
}

TEST_CASE("a rule of a number beyond what is kept is asked about each time") {
    class High : public Counting {
    public:
        High() : Counting(1) {}
        void find(std::span<const AccessKeyV4> keys, uint32_t* rules) const override {
            Counting::find(keys, rules);
            std::fill_n(rules, keys.size(), 32'766);
        }
    };
    AccessMemo<4> memo(1);
    const High rules;
    for (int i = 0; i < 2; ++i) {
        CHECK(find(memo, rules, {key_of<4>(1, 7, 80, 6)}) == std::vector<uint32_t>{32'766});
        CHECK(rules.asked() == 1);
    }
}
