#include "lbsync/kernel/elements.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::kernel {

namespace {

using Refused = tl::unexpected<std::string>;

// enum nft_set_flags, nft_set_elem_flags
constexpr uint64_t set_interval = 4;
constexpr uint64_t ends_interval = 1;
constexpr uint64_t catches_all = 2;

Bytes key_of(const Node& element, std::string_view name) {
    const Node* data = element.node(name);
    return data == nullptr ? Bytes{} : data->bytes("value");
}

bool has(const Node& element, uint64_t flag) {
    return (element.number("flags") & flag) != 0;
}

// The key before this one; false: there is none.
bool decrement(Bytes& key) {
    for (auto byte = key.rbegin(); byte != key.rend(); ++byte) {
        if ((*byte)-- != 0) {
            return true;
        }
    }
    return false;
}

class Rows {
public:
    Rows(const Set& set, const Word& key, const std::vector<Piece>& pieces, const Context& context)
        : set_(set), key_(key), pieces_(pieces), context_(context) {}

    Understood<std::vector<Row>> read() {
        const bool intervals = (set_.self.node.number("flags") & set_interval) != 0;
        const bool by_two_keys =
            std::any_of(set_.elements.begin(), set_.elements.end(),
                        [](const Node& element) { return element.find("key_end") != nullptr; });
        const auto done = intervals && !by_two_keys ? by_starts() : one_by_one();
        if (!done) {
            return Refused(done.error());
        }
        for (const Node& element : set_.elements) {
            if (has(element, catches_all)) {
                rows_.push_back({everything(), &element});
            }
        }
        return std::move(rows_);
    }

private:
    std::vector<policy::Span> everything() const {
        std::vector<policy::Span> spans;
        for (const Piece& piece : pieces_) {
            const unsigned width = piece.field.width;
            const WideNumber last = width >= 128 ? ~WideNumber{0} : (WideNumber{1} << width) - 1;
            spans.push_back({0, last});
        }
        return spans;
    }

    Understood<> one_by_one() {
        for (const Node& element : set_.elements) {
            if (has(element, catches_all)) {
                continue;
            }
            const Bytes from = key_of(element, "key");
            const Bytes to = element.find("key_end") == nullptr ? from : key_of(element, "key_end");
            if (auto done = add(from, to, element); !done) {
                return done;
            }
        }
        return {};
    }

    Understood<> by_starts() {
        if (pieces_.size() != 1) {
            return Refused("intervals over several fields at once");
        }
        std::vector<std::pair<Bytes, const Node*>> sorted;
        for (const Node& element : set_.elements) {
            if (!has(element, catches_all)) {
                sorted.emplace_back(key_of(element, "key"), &element);
            }
        }
        // An end before a start of the same key: the one closes, the other opens.
        std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
            return a.first != b.first
                       ? a.first < b.first
                       : has(*a.second, ends_interval) && !has(*b.second, ends_interval);
        });
        for (size_t i = 0; i < sorted.size(); ++i) {
            if (has(*sorted[i].second, ends_interval)) {
                continue;
            }
            Bytes last(sorted[i].first.size(), 0xff);
            if (i + 1 < sorted.size()) {
                last = sorted[i + 1].first;
                decrement(last);
            }
            if (auto done = add(sorted[i].first, last, *sorted[i].second); !done) {
                return done;
            }
        }
        return {};
    }

    Understood<> add(const Bytes& from, const Bytes& to, const Node& element) {
        if (from.size() < key_.size() || to.size() < key_.size() || to < from) {
            return Refused("an element that is shorter than its key");
        }
        for (const std::string_view stateful : {"expr", "expressions"}) {
            for (const Node& expression : element.nodes(stateful)) {
                if (expression.group != "counter" && expression.group != "last") {
                    return Refused(fmt::format("an element with {}", expression.group));
                }
            }
        }
        for (size_t i = 0; i < key_.size(); ++i) {
            if (key_[i].source == Byte::constant &&
                (from[i] > key_[i].flip || to[i] < key_[i].flip)) {
                return {};  // no packet looks it up
            }
        }
        Row row{{}, &element};
        for (const Piece& piece : pieces_) {
            const auto values = span(piece, from, to, context_);
            if (!values) {
                return Refused(values.error());
            }
            row.spans.push_back(*values);
        }
        rows_.push_back(std::move(row));
        return {};
    }

    const Set& set_;
    const Word& key_;
    const std::vector<Piece>& pieces_;
    const Context& context_;
    std::vector<Row> rows_;
};

}  // namespace

Understood<std::vector<Row>> rows(const Set& set, const Word& key, const std::vector<Piece>& pieces,
                                  const Context& context) {
    return Rows(set, key, pieces, context).read();
}

}  // namespace rehome::lbsync::kernel
