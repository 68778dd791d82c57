#include "lbsync/mapping/nft_value.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/nft/interval_expr.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync {

namespace {

using Kind = Expr::Kind;

// A calculation as (what a key holds & kept) ^ flip; without a key, flip itself.
struct Calculation {
    const Expr* key = nullptr;
    uint64_t kept = 0;
    uint64_t flip = 0;
};

std::optional<Calculation> calculation(const Expr& expr) {
    if (expr.kind == Kind::number) {
        return Calculation{nullptr, 0, expr.number};
    }
    if (expr.kind == Kind::key) {
        return Calculation{&expr, ~uint64_t{0}, 0};
    }
    if (expr.kind != Kind::binary || expr.args.size() != 2 || expr.args[1].kind != Kind::number) {
        return {};
    }
    auto left = calculation(expr.args[0]);
    if (!left) {
        return {};
    }
    const uint64_t by = expr.args[1].number;
    if (expr.text == "&") {
        return Calculation{left->key, left->kept & by, left->flip & by};
    }
    if (expr.text == "|") {
        return Calculation{left->key, left->kept & ~by, (left->flip & ~by) | by};
    }
    if (expr.text == "^") {
        return Calculation{left->key, left->kept, left->flip ^ by};
    }
    return {};
}

const Numbers* numbers_of(const std::string& key, const Mapping& mapping) {
    if (key == "meta mark") {
        return &mapping.packet_marks();
    }
    if (key == "ct mark") {
        return &mapping.connection_marks();
    }
    const bool zone = key == "ct zone" || key == "ct original zone" || key == "ct reply zone";
    return zone ? &mapping.zones() : nullptr;
}

// The key that an expression reads, however it is calculated with.
const Expr* key_in(const Expr& expr) {
    if (expr.kind == Kind::key) {
        return &expr;
    }
    for (const Expr& arg : expr.args) {
        if (const Expr* found = key_in(arg)) {
            return found;
        }
    }
    return nullptr;
}

Place place_of(const Expr& key, const Mapping& mapping) {
    const auto read = calculation(key);
    const Expr* const from = key_in(key);
    const Types types = types_of(key);
    Place place{type_of(types, 0)};
    if (const Numbers* numbers = from == nullptr ? nullptr : numbers_of(from->text, mapping)) {
        place.numbers.push_back(numbers);
        // What is calculated in another way is looked at in part, whatever the bits.
        place.mask = read && read->flip == 0 ? read->kept : 0;
    }
    return place;
}

bool changes_anything(const Numbers& numbers) {
    return numbers.changes(~uint64_t{0});
}

}  // namespace

Places places_of(const Expr& key, const Mapping& mapping) {
    if (key.kind != Kind::concat) {
        return {place_of(key, mapping)};
    }
    Places places;
    for (const Expr& part : key.args) {
        places.push_back(place_of(part, mapping));
    }
    return places;
}

Places places_of(const Types& types, const Mapping& mapping) {
    Places places;
    for (const std::string& type : types) {
        places.push_back({type});
        if (type == "mark") {
            places.back().numbers = {&mapping.packet_marks(), &mapping.connection_marks()};
        }
    }
    return places;
}

void ValueMapper::address(Expr& expr, bool whole_set) const {
    const Interval interval = *to_interval(expr);
    const auto images = mapping_.map_set(interval);
    if (!images) {
        refuse_(images.error());
    } else if (images->size() == 1) {
        // What stays keeps its form, so that it still equals nft's own text.
        expr = images->front() == interval ? expr : to_expr(images->front());
    } else if (whole_set) {
        expr = {};
        expr.kind = Kind::set;
        std::transform(images->begin(), images->end(), std::back_inserter(expr.args), to_expr);
    } else {
        refuse_(mapping_.map(interval).error());
    }
}

void ValueMapper::number(Expr& expr, const Place& place) const {
    const uint64_t first = expr.kind == Kind::range ? expr.args[0].number : expr.number;
    const uint64_t last = expr.kind == Kind::range ? expr.args[1].number : expr.number;
    std::optional<uint64_t> image;
    for (const Numbers* numbers : place.numbers) {
        if (place.mask == 0 && changes_anything(*numbers)) {
            refuse_(fmt::format("object without a counterpart: {} that is calculated with",
                                numbers->noun()));
            return;
        }
        const uint64_t mask = place.mask & 0xffffffff;
        const auto stays =
            first == last ? tl::expected<void, std::string>() : numbers->stays(first, last, mask);
        const auto found = first == last ? numbers->tested(first, mask) : Numbers::Number(first);
        if (!stays || !found) {
            refuse_(stays ? found.error() : stays.error());
            return;
        }
        if (image && *image != *found) {
            refuse_(
                fmt::format("object without a counterpart: mark {:#x} in a set, of which it is "
                            "not known whether it is of packets or of connections",
                            first));
            return;
        }
        image = *found;
    }
    if (expr.kind == Kind::number && image) {
        expr.number = *image;
    }
}

void ValueMapper::value(Expr& expr, const Places& places, bool whole_set) const {
    const Place place = places.empty() ? Place{} : places.front();
    const bool is_number = expr.kind == Kind::number ||
                           (expr.kind == Kind::range && expr.args[0].kind == Kind::number);
    if (to_interval(expr)) {
        address(expr, whole_set);
    } else if (is_number) {
        number(expr, place);
    } else if (expr.kind == Kind::word && place.type == "ifname") {
        interface(expr.text);
    } else if (expr.kind == Kind::concat) {
        for (size_t i = 0; i < expr.args.size(); ++i) {
            value(expr.args[i], i < places.size() ? Places{places[i]} : Places{});
        }
    } else if (expr.kind == Kind::map) {
        map(expr, places);
    } else if (expr.kind == Kind::set) {
        elements(expr.args, places, {});
    } else if (expr.kind == Kind::named_set) {
        // Its elements are mapped where it stands, all of their bits.
        const bool in_part = std::any_of(places.begin(), places.end(), [](const Place& part) {
            return std::any_of(part.numbers.begin(), part.numbers.end(), [&](const Numbers* it) {
                return it->changes(~uint64_t{0}) && ~part.mask != 0 && it->changes(~part.mask);
            });
        });
        if (in_part) {
            refuse_("object without a counterpart: a part of a mark, looked up in a set");
        }
    } else {
        for (Expr& arg : expr.args) {
            value(arg, places);
        }
    }
}

std::vector<Expr> ValueMapper::images(const Expr& element, const Places& keys) const {
    Expr image = element;
    value(image, keys, true);
    return image.kind == Kind::set && element.kind != Kind::set ? std::move(image.args)
                                                                : std::vector{std::move(image)};
}

void ValueMapper::elements(std::vector<Expr>& list, const Places& keys, const Places& data) const {
    std::vector<Expr> all;
    all.reserve(list.size());
    for (Expr& element : list) {
        if (element.kind == Kind::pair) {
            value(element.args[0], keys);
            value(element.args[1], data);
            all.push_back(std::move(element));
            continue;
        }
        for (Expr& image : images(element, keys)) {
            all.push_back(std::move(image));
        }
    }
    list = std::move(all);
}

void ValueMapper::map(Expr& expr, const Places& data) const {
    const Places keys = places_of(expr.args[0], mapping_);
    if (expr.args[1].kind == Kind::set) {
        elements(expr.args[1].args, keys, data);
    } else {
        value(expr.args[1], keys);
    }
}

void ValueMapper::written_number(Expr& expr, const Numbers& into) const {
    const auto written = calculation(expr);
    if (!written) {
        refuse_(fmt::format("object without a counterpart: {} that is written from a calculation",
                            into.noun()));
        return;
    }
    const Numbers* from =
        written->key == nullptr ? nullptr : numbers_of(written->key->text, mapping_);
    if (written->key != nullptr && (from == nullptr || from->pairs() != into.pairs()) &&
        (into.changes(written->kept) || (from != nullptr && from->changes(written->kept)))) {
        refuse_(
            fmt::format("object without a counterpart: {} that is written from {}, which "
                        "becomes something else",
                        into.noun(), written->key->text));
        return;
    }
    const auto flip = into.written(written->kept, written->flip);
    if (!flip) {
        refuse_(flip.error());
        return;
    }
    if (*flip == written->flip) {
        return;
    }
    Expr& constant = expr.kind == Kind::number ? expr : expr.args[1];
    constant.number ^= *flip ^ written->flip;
    const auto again = calculation(expr);
    if (again->kept != written->kept || again->flip != *flip) {
        refuse_(
            fmt::format("object without a counterpart: {} that is written in part", into.noun()));
    }
}

void ValueMapper::written(Expr& expr, const Expr& key) const {
    const Numbers* numbers = numbers_of(key.text, mapping_);
    if (expr.kind == Kind::map && numbers != nullptr) {
        map(expr, {{type_of(types_of(key), 0), {numbers}}});
    } else if (numbers != nullptr && changes_anything(*numbers)) {
        written_number(expr, *numbers);
    } else {
        value(expr, places_of(key, mapping_));
    }
}

void ValueMapper::interface(std::string& name) const {
    if (auto image = map_interface(interfaces_, name)) {
        name = std::move(*image);
    } else {
        refuse_(image.error());
    }
}

void ValueMapper::verbatim(const std::string& words) const {
    const std::pair<const Numbers*, std::string_view> all[] = {
        {&mapping_.packet_marks(), "mark"},
        {&mapping_.connection_marks(), "mark"},
        {&mapping_.zones(), "zone"},
        {&mapping_.vlans(), "vlan"},
        {&mapping_.vlans(), "@ll"}};
    for (const auto& [numbers, word] : all) {
        if (changes_anything(*numbers) && words.find(word) != std::string::npos) {
            refuse_(fmt::format("object without a counterpart: a {} in a rule without a model",
                                numbers->noun()));
            return;
        }
    }
}

}  // namespace rehome::lbsync
