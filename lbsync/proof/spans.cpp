#include "lbsync/proof/spans.h"

#include <algorithm>
#include <map>

namespace rehome::lbsync::proof {

using policy::Elements;
using policy::Span;

namespace {

WideNumber top(size_t width) {
    return width >= 128 ? ~WideNumber{0} : (WideNumber{1} << width) - 1;
}

class Builder {
public:
    Builder(const Bits& bits, const std::vector<Span>& spans) : bits_(bits), spans_(spans) {}

    PacketSet all() { return below(0, 0, 0, spans_.size()); }

private:
    // The values that begin with `base` in their first `at` bits, of the spans [begin, end).
    PacketSet below(size_t at, WideNumber base, size_t begin, size_t end) {
        const WideNumber last = base | top(bits_.size() - at);
        while (begin < end && spans_[begin].last < base) {
            ++begin;
        }
        while (begin < end && spans_[end - 1].first > last) {
            --end;
        }
        if (begin == end) {
            return {};
        }
        if (spans_[begin].first <= base && spans_[begin].last >= last) {
            return PacketSet::all();
        }
        return split(at, base, begin, end);
    }

    PacketSet split(size_t at, WideNumber base, size_t begin, size_t end) {
        const WideNumber middle = base | WideNumber{1} << (bits_.size() - at - 1);
        const auto first = spans_.begin() + static_cast<ptrdiff_t>(begin);
        const auto behind = spans_.begin() + static_cast<ptrdiff_t>(end);
        const auto high = std::partition_point(
            first, behind, [&](const Span& span) { return span.last < middle; });
        const auto low = std::partition_point(
            high, behind, [&](const Span& span) { return span.first < middle; });
        PacketSet zeros = below(at + 1, base, begin, index(low));
        if (!bits_[at]) {
            return zeros;
        }
        return PacketSet::choose(*bits_[at], below(at + 1, middle, index(high), end), zeros);
    }

    size_t index(std::vector<Span>::const_iterator at) const {
        return static_cast<size_t>(at - spans_.begin());
    }

    const Bits& bits_;
    const std::vector<Span>& spans_;
};

// A union of many, two by two, so that small ones meet small ones.
PacketSet any_of(std::vector<PacketSet> sets) {
    while (sets.size() > 1) {
        std::vector<PacketSet> half;
        for (size_t i = 0; i + 1 < sets.size(); i += 2) {
            half.push_back(sets[i] | sets[i + 1]);
        }
        if (sets.size() % 2 == 1) {
            half.push_back(sets.back());
        }
        sets = std::move(half);
    }
    return sets.empty() ? PacketSet() : sets.front();
}

}  // namespace

std::vector<Span> merged(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end());
    std::vector<Span> result;
    for (const Span& span : spans) {
        const bool joins = !result.empty() && (span.first <= result.back().last ||
                                               span.first - result.back().last == 1);
        if (joins) {
            result.back().last = std::max(result.back().last, span.last);
        } else {
            result.push_back(span);
        }
    }
    return result;
}

PacketSet in_spans(const Bits& bits, const std::vector<Span>& spans) {
    return Builder(bits, spans).all();
}

PacketSet in_rows(const std::vector<Bits>& columns, const Elements& elements) {
    if (columns.size() == 1) {
        return in_spans(columns[0], merged(elements.spans));
    }
    // Rows that differ in their first column alone are one product.
    std::map<std::vector<Span>, std::vector<Span>> by_rest;
    for (size_t row = 0; row < elements.rows(); ++row) {
        const auto at = elements.spans.begin() + static_cast<ptrdiff_t>(row * elements.columns);
        by_rest[{at + 1, at + static_cast<ptrdiff_t>(elements.columns)}].push_back(*at);
    }
    std::vector<PacketSet> products;
    for (auto& [rest, firsts] : by_rest) {
        PacketSet product = in_spans(columns[0], merged(std::move(firsts)));
        for (size_t i = 0; i < rest.size(); ++i) {
            product = product & in_spans(columns[i + 1], {rest[i]});
        }
        products.push_back(std::move(product));
    }
    return any_of(std::move(products));
}

}  // namespace rehome::lbsync::proof
