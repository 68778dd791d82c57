#include "lbsync/proof/filters.h"

namespace rehome::lbsync::proof {

using policy::Elements;
using policy::ElementsPtr;
using policy::Field;
using policy::Term;

namespace {

// What is kept: rules that write fields make new columns on and on.
constexpr size_t most_columns = 4096;
constexpr size_t most_answers = 1 << 16;

bool is_name(const Field& field) {
    return field.source == Field::Source::in_interface ||
           field.source == Field::Source::out_interface;
}

auto order(const Field& field) {
    return std::tie(field.source, field.offset, field.width, field.name, field.instance);
}

}  // namespace

bool Filters::Less::operator()(const Elements* a, const Elements* b) const {
    return std::tie(a->columns, a->spans) < std::tie(b->columns, b->spans);
}

bool Filters::Less::operator()(const Term& a, const Term& b) const {
    return std::tuple(a.mask, order(a.field)) < std::tuple(b.mask, order(b.field));
}

ColumnPtr Filters::column(const Values& values, const State& state, const Term& term,
                          const std::vector<Bit>& unknown) {
    const auto make = [&] {
        return known({0, is_name(term.field), values.holds(state, term.field),
                      values.bits(state, term, unknown)});
    };
    if (!unknown.empty()) {
        return make();
    }
    const auto number = static_cast<unsigned>(terms_.size());
    const unsigned term_number = terms_.emplace(term, number).first->second;
    const Asked asked{term_number, state.contents.revision(), values.frame(), values.layer()};
    if (const auto found = asked_.find(asked); found != asked_.end()) {
        return found->second;
    }
    return asked_.emplace(asked, make()).first->second;
}

ColumnPtr Filters::known(Column column) {
    Content content{column.is_name ? 1 : 0, column.holds.id()};
    for (const auto& bit : column.bits) {
        content.push_back(bit ? bit->id() : -1);
    }
    if (const auto found = columns_.find(content); found != columns_.end()) {
        return found->second;
    }
    if (columns_.size() == most_columns) {
        columns_.clear();
        asked_.clear();
    }
    column.number = next_column_++;
    auto made = std::make_shared<const Column>(std::move(column));
    columns_.emplace(std::move(content), made);
    return made;
}

unsigned Filters::number_of(const ElementsPtr& elements) {
    const auto place = by_place_.find(elements.get());
    if (place != by_place_.end()) {
        return place->second;
    }
    const auto number = static_cast<unsigned>(by_content_.size());
    const unsigned known = by_content_.emplace(elements.get(), number).first->second;
    by_place_.emplace(elements.get(), known);
    return known;
}

PacketSet Filters::passing(const std::vector<ColumnPtr>& columns, const ElementsPtr& in,
                           bool negated) {
    PacketSet hold = PacketSet::all();
    std::vector<unsigned> numbers;
    for (const ColumnPtr& column : columns) {
        hold = hold & column->holds;
        numbers.push_back(column->number);
    }
    if (hold.empty()) {
        return hold;
    }
    const Question question{std::move(numbers), number_of(in), negated};
    if (const auto found = passing_.find(question); found != passing_.end()) {
        return found->second;
    }
    if (passing_.size() == most_answers) {
        passing_.clear();
    }
    const PacketSet rows = built(columns, *in);
    return passing_.emplace(question, negated ? hold - rows : hold & rows).first->second;
}

PacketSet Filters::built(const std::vector<ColumnPtr>& columns, const Elements& in) const {
    std::vector<Bits> bits;
    bool names = false;
    for (const ColumnPtr& column : columns) {
        bits.push_back(column->bits);
        names = names || column->is_name;
    }
    if (!names) {
        return in_rows(bits, in);
    }
    Elements ranked = in;
    for (size_t i = 0; i < ranked.spans.size(); ++i) {
        if (columns[i % columns.size()]->is_name) {
            policy::Span& span = ranked.spans[i];
            span = {space_.rank(span.first), space_.rank(span.last)};
        }
    }
    return in_rows(bits, ranked);
}

}  // namespace rehome::lbsync::proof
