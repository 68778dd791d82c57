#include "lbsync/mapping/policy_image.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "lbsync/mapping/words.h"

namespace rehome::lbsync {

namespace {

using policy::Elements;
using policy::ElementsPtr;
using policy::Field;
using policy::Span;
using policy::Term;
using Source = Field::Source;
using Spans = tl::expected<std::vector<Span>, std::string>;
using Refused = tl::unexpected<std::string>;

WideNumber ones(unsigned bits) {
    return bits >= 128 ? ~WideNumber{0} : (WideNumber{1} << bits) - 1;
}

Address address_of(WideNumber number, Family family) {
    if (family == Family::v4) {
        return Address::v4(static_cast<uint32_t>(number));
    }
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<uint8_t>(number >> (120 - 8 * i));
    }
    return {Family::v6, bytes};
}

// What a field holds that belongs to a site and that no mapping tells of.
enum class Unmapped : uint8_t {
    none,
    hardware,  // a hardware address
    quoted,    // bytes of the packet that an ICMP error quotes, of a neighbour discovery's target
    gateway,   // what an ICMP redirect names, where other protocols have numbers
};

// How the values of a field map.
struct Kind {
    std::optional<Family> address{};
    bool name = false;
    const Numbers* numbers = nullptr;
    unsigned shift = 0;         // of the field's lowest bit in the numbers
    bool address_part = false;  // bits of an address, and not all of them
    Unmapped unmapped = Unmapped::none;

    bool operator==(const Kind&) const = default;
};

struct Place {
    Source source;
    unsigned offset;
    unsigned width;
    Family family;
};
constexpr Place address_places[] = {
    {Source::ip4, 96, 32, Family::v4},  {Source::ip4, 128, 32, Family::v4},
    {Source::arp, 112, 32, Family::v4}, {Source::arp, 192, 32, Family::v4},
    {Source::ip6, 64, 128, Family::v6}, {Source::ip6, 192, 128, Family::v6}};

// Bits 0 .. 48 of each are a hardware address; its eighth is set of what is no single host's.
constexpr std::pair<Source, unsigned> hardware_places[] = {
    {Source::link, 0}, {Source::link, 48}, {Source::arp, 64}, {Source::arp, 144}};
constexpr unsigned hardware_bits = 48;
constexpr unsigned group_bit = 7;

std::optional<unsigned> hardware_at(const Field& field) {
    for (const auto& [source, offset] : hardware_places) {
        if (field.source == source && field.offset < offset + hardware_bits &&
            offset < field.offset + unsigned{field.width}) {
            return offset;
        }
    }
    return {};
}

Kind header_kind(const Field& field) {
    constexpr unsigned tcp_header = 160;
    const unsigned end = field.offset + unsigned{field.width};
    if (hardware_at(field)) {
        return {.unmapped = Unmapped::hardware};
    }
    if (field.source == Source::transport) {
        return {.unmapped = end > tcp_header                          ? Unmapped::quoted
                            : field.offset == 32 && field.width == 32 ? Unmapped::gateway
                                                                      : Unmapped::none};
    }
    for (const Place& place : address_places) {
        if (place.source != field.source || end <= place.offset ||
            field.offset >= place.offset + place.width) {
            continue;
        }
        const bool whole = field.offset == place.offset && field.width == place.width;
        return {.address = place.family, .address_part = !whole};
    }
    return {};
}

Kind kind_of(const Field& field, const Mapping& mapping) {
    const auto number = [&](const Numbers& numbers, unsigned bits) {
        return Kind{
            .numbers = &numbers,
            .shift = field.offset + field.width <= bits ? bits - field.offset - field.width : 0};
    };
    switch (field.source) {
        case Source::in_interface:
        case Source::out_interface:
            return {.name = true};
        case Source::mark:
            return number(mapping.packet_marks(), 32);
        case Source::ct_mark:
            return number(mapping.connection_marks(), 32);
        case Source::ct_zone:
            return number(mapping.zones(), 16);
        case Source::link:
            return field.offset >= 112 && field.offset < 128 ? number(mapping.vlans(), 128)
                                                             : header_kind(field);
        case Source::other:
            return field.name.ends_with("ip saddr") || field.name.ends_with("ip daddr")
                       ? Kind{.address = Family::v4}
                   : field.name.ends_with("ip6 saddr") || field.name.ends_with("ip6 daddr")
                       ? Kind{.address = Family::v6}
                       : Kind{};
        default:
            return header_kind(field);
    }
}

class Imager {
public:
    Imager(const Mapping& mapping, const Interfaces& interfaces, std::vector<Error>& errors)
        : mapping_(mapping), interfaces_(interfaces), errors_(errors) {
        renames_ = std::any_of(interfaces.begin(), interfaces.end(),
                               [](const auto& pair) { return pair.first != pair.second; });
    }

    void policy(policy::Policy& policy) {
        for (policy::Chain& chain : policy.chains) {
            where_ = chain.where;
            words_ = "its devices";
            for (std::string& device : chain.hook ? chain.hook->devices : no_devices_) {
                take(map_interface(interfaces_, device), device);
            }
            for (policy::Rule& rule : chain.rules) {
                where_ = place(chain, rule);
                words_ = rule.words;
                among_.clear();
                steps(rule.steps);
            }
        }
    }

    void service(policy::VirtualService& service) {
        where_ = service.where;
        words_ = service.title();
        if (service.mark) {
            uint64_t mark = *service.mark;
            take(mapping_.packet_marks().tested(mark, 0xffffffff), mark);
            service.mark = static_cast<uint32_t>(mark);
        } else {
            address(service.vip);
        }
        for (policy::Server& server : service.servers) {
            this->server(server);
        }
        if (service.sorry) {
            server(*service.sorry);
        }
        all_words(service.settings);
    }

private:
    template <typename T>
    void take(const tl::expected<T, std::string>& image, T& into) {
        if (image) {
            into = *image;
        } else {
            wrong(image.error());
        }
    }

    void wrong(const std::string& what) {
        errors_.push_back({Exit::usage, where_, fmt::format("{} in: {}", what, words_)});
    }

    void words(std::string& text) { take(map_words(text, mapping_, interfaces_), text); }

    void all_words(std::vector<std::string>& list) {
        for (std::string& text : list) {
            words(text);
        }
        std::sort(list.begin(), list.end());
    }

    void address(Address& address) {
        Interval one{address, address};
        take(mapping_.map(one), one);
        address = one.first;
    }

    void server(policy::Server& server) {
        address(server.address);
        all_words(server.checks);
        all_words(server.settings);
    }

    // Steps.

    void steps(std::vector<policy::Step>& steps) {
        join_bounds(steps);
        for (policy::Step& step : steps) {
            std::visit([&](auto& it) { (*this)(it); }, step);
        }
    }

    static const Span* only_span(const policy::Step& step) {
        const auto* test = std::get_if<policy::Test>(&step);
        const bool one = test != nullptr && !test->negated && test->of.size() == 1 &&
                         test->in->spans.size() == 1;
        return one ? &test->in->spans.front() : nullptr;
    }

    // "at least A" and "at most B" of one field, as some kernels run a range: half of it has no
    // counterpart, the range may have one.
    static void join_bounds(std::vector<policy::Step>& steps) {
        for (size_t i = 1; i < steps.size();) {
            const Span* const a = only_span(steps[i - 1]);
            const Span* const b = only_span(steps[i]);
            const bool joins =
                a != nullptr && b != nullptr &&
                std::get<policy::Test>(steps[i - 1]).of == std::get<policy::Test>(steps[i]).of &&
                std::max(a->first, b->first) <= std::min(a->last, b->last);
            if (!joins) {
                ++i;
                continue;
            }
            std::get<policy::Test>(steps[i - 1]).in =
                policy::elements({{std::max(a->first, b->first), std::min(a->last, b->last)}});
            steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    // Other words tell how it is rejected, which is the same everywhere.
    void operator()(policy::Verdict& verdict) {
        if (verdict.kind == policy::Verdict::Kind::hand_over) {
            words(verdict.detail);
        }
    }
    void operator()(policy::Test& test) {
        if (!test.negated) {
            narrow(test.of, *test.in);
        }
        rows(test.of, test.in);
    }

    // Which addresses come to what stands behind it in the rule.
    void narrow(const std::vector<Term>& of, const Elements& in) {
        for (size_t column = 0; column < of.size(); ++column) {
            const Kind kind = kind_of(of[column].field, mapping_);
            if (of[column].field.source >= Source::other || !kind.address || kind.address_part) {
                continue;
            }
            // What a mask leaves open, wherever it does, lies between.
            const WideNumber open = ones(of[column].field.width) & ~of[column].mask;
            std::vector<Interval>& among = among_[of[column].field.offset];
            among.clear();
            for (size_t row = 0; row < in.rows(); ++row) {
                const Span& span = in.spans[row * in.columns + column];
                among.push_back({address_of(span.first & ~open, *kind.address),
                                 address_of(span.last | open, *kind.address)});
            }
        }
    }

    void operator()(policy::Choice& choice) {
        const std::vector<Term> of = choice.of;
        for (policy::Choice::Branch& branch : choice.branches) {
            const auto among = among_;
            narrow(of, *branch.in);
            choice.of = of;
            rows(choice.of, branch.in);
            steps(branch.steps);
            among_ = among;
        }
    }

    void operator()(policy::Act& act) { words(act.words); }

    void operator()(policy::Nat& nat) {
        if (!nat.address) {
            return;
        }
        const Family family = nat.ip6 ? Family::v6 : Family::v4;
        const Interval to{address_of(nat.address->first, family),
                          address_of(nat.address->last, family)};
        const auto image = mapping_.map(to);
        if (const std::string why = image ? host_by_host(nat, to) : ""; !why.empty()) {
            wrong("object without a counterpart: a translation host by host, where " + why);
        }
        if (image) {
            nat.address = Span{policy::as_number(image->first), policy::as_number(image->last)};
        } else {
            wrong(image.error());
        }
    }

    // A prefix onto a prefix: the last bits stay, so they have to be the same at both sites.
    std::string host_by_host(const policy::Nat& nat, const Interval& to) const {
        if (nat.flags.find("netmap") == nat.flags.npos) {
            return "";
        }
        const Family family = to.first.family;
        const bool source = nat.kind == policy::Nat::Kind::source;
        const Field field =
            nat.ip6  ? source ? policy::field::ip6_source() : policy::field::ip6_destination()
             : source ? policy::field::ip4_source()
                     : policy::field::ip4_destination();
        const WideNumber all = ones(family == Family::v4 ? 32 : 128);
        const auto from = among_.find(field.offset);
        std::vector<Interval> among{to};
        if (from == among_.end()) {
            among.push_back({address_of(0, family), address_of(all, family)});
        } else {
            among.insert(among.end(), from->second.begin(), from->second.end());
        }
        const auto prefix = to.prefix();
        for (const Interval& one : among) {
            std::string why = mapping_.moves_hosts(one, prefix ? prefix->length : 0);
            if (!why.empty()) {
                return why;
            }
        }
        return "";
    }

    void operator()(policy::Store& store) {
        const Kind into = kind_of(store.into, mapping_);
        if (into.unmapped != Unmapped::none && mapping_.changes(Family::v6)) {
            if (into.unmapped != Unmapped::gateway) {
                wrong("object without a counterpart: " + policy::text(store.into) +
                      " that is written, which no mapping tells of");
            }
            return;
        }
        if (into.numbers != nullptr) {
            store_number(store, into);
        } else if (into.address) {
            store_address(store, into);
        } else if (into.name && renames_) {
            wrong("object without a counterpart: an interface that is written");
        }
    }

    void store_address(policy::Store& store, const Kind& into) {
        if (store.value.from || into.address_part) {
            if (mapping_.changes(*into.address)) {
                wrong("object without a counterpart: a part of an address that is written");
            }
            return;
        }
        Address address = address_of(store.value.flip, *into.address);
        this->address(address);
        store.value.flip = policy::as_number(address);
    }

    void store_number(policy::Store& store, const Kind& into) {
        const Numbers& numbers = *into.numbers;
        const auto bits = static_cast<uint64_t>(ones(store.into.width)) << into.shift;
        const uint64_t kept =
            store.value.from ? static_cast<uint64_t>(store.value.mask) << into.shift & bits : 0;
        // A field of some of the bits leaves the others as they are.
        const Kind from = store.value.from ? kind_of(*store.value.from, mapping_) : Kind{};
        const bool alike = from.numbers != nullptr && from.numbers->pairs() == numbers.pairs() &&
                           from.shift == into.shift;
        if (store.value.from && !alike &&
            (numbers.changes(kept) || (from.numbers != nullptr && from.numbers->changes(kept)))) {
            wrong(
                fmt::format("object without a counterpart: {} that is written from what becomes "
                            "something else",
                            numbers.noun()));
            return;
        }
        const auto flip = static_cast<uint64_t>(store.value.flip) << into.shift & bits;
        const auto image = numbers.written(kept | ~bits, flip);
        if (image) {
            store.value.flip = WideNumber{*image >> into.shift};
        } else {
            wrong(image.error());
        }
    }

    // Tests.

    struct Column {
        Kind kind;
        Field field;
        WideNumber mask = 0;
        bool operator==(const Column&) const = default;
    };

    // All rows of a test, which rules share, mapped once.
    void rows(std::vector<Term>& of, ElementsPtr& in) {
        std::vector<Column> columns;
        bool any = false;
        for (Term& term : of) {
            if (term.field.source >= Source::other) {
                words(term.field.name);
            }
            columns.push_back({kind_of(term.field, mapping_), term.field, term.mask});
            any |= maps(columns.back());
        }
        if (!any) {
            return;
        }
        auto& known = known_[in];
        const auto found = std::find_if(known.begin(), known.end(),
                                        [&](const auto& it) { return it.first == columns; });
        const ElementsPtr image = found != known.end()
                                      ? found->second
                                      : known.emplace_back(columns, images(columns, *in)).second;
        in = image;
        for (size_t i = 0; i < of.size(); ++i) {
            of[i].mask = columns[i].kind.address && maps(columns[i]) ? ~WideNumber{0} : of[i].mask;
        }
    }

    bool maps(const Column& column) const {
        const Kind& kind = column.kind;
        return (kind.unmapped != Unmapped::none && mapping_.changes(Family::v6)) ||
               (kind.address && mapping_.changes(*kind.address)) || (kind.name && renames_) ||
               (kind.numbers != nullptr && kind.numbers->changes(~uint64_t{0}));
    }

    ElementsPtr images(const std::vector<Column>& columns, const Elements& rows) {
        Elements result;
        result.columns = rows.columns;
        for (size_t row = 0; row < rows.rows(); ++row) {
            std::vector<std::vector<Span>> all{{}};
            for (size_t i = 0; i < rows.columns; ++i) {
                const Span span = rows.spans[row * rows.columns + i];
                const Spans images = i < columns.size() && maps(columns[i])
                                         ? image_of(span, columns[i])
                                         : Spans(std::vector{span});
                if (!images) {
                    wrong(images.error());
                    all.clear();
                    break;
                }
                all = extended(all, *images);
            }
            for (const std::vector<Span>& one : all) {
                result.spans.insert(result.spans.end(), one.begin(), one.end());
            }
        }
        return std::make_shared<const Elements>(std::move(result));
    }

    static std::vector<std::vector<Span>> extended(const std::vector<std::vector<Span>>& rows,
                                                   const std::vector<Span>& by) {
        std::vector<std::vector<Span>> all;
        for (const std::vector<Span>& row : rows) {
            for (const Span& span : by) {
                all.push_back(row);
                all.back().push_back(span);
            }
        }
        return all;
    }

    Spans image_of(const Span& span, const Column& column) const {
        return column.kind.unmapped != Unmapped::none ? unmapped_image(span, column)
               : column.kind.address                  ? address_images(span, column)
               : column.kind.name                     ? name_image(span, column)
                                                      : number_image(span, column);
    }

    // What stays as it is: hardware addresses of no single host, numbers that are no address.
    Spans unmapped_image(const Span& span, const Column& column) const {
        const Field& field = column.field;
        if (column.kind.unmapped == Unmapped::gateway) {
            const Interval interval{address_of(span.first, Family::v4),
                                    address_of(span.last, Family::v4)};
            const auto images = mapping_.map_set(interval);
            if (images && *images == std::vector{interval}) {
                return std::vector{span};
            }
        } else if (column.kind.unmapped == Unmapped::hardware) {
            const unsigned bit = *hardware_at(field) + group_bit;
            const bool held = field.offset <= bit && bit < field.offset + unsigned{field.width};
            const WideNumber group =
                held ? WideNumber{1} << (field.offset + field.width - 1 - bit) : 0;
            const WideNumber mask = column.mask & ones(field.width);
            const bool of_many =
                span.first / (group + (group == 0)) == span.last / (group + (group == 0)) &&
                (span.first & mask & group) != 0;
            if ((mask & ~group) == 0 || of_many) {
                return std::vector{span};
            }
        }
        return Refused(fmt::format("object without a counterpart: {}, which no mapping tells of",
                                   column.kind.unmapped == Unmapped::hardware
                                       ? "a hardware address"
                                       : "an address that may stand in " + policy::text(field)));
    }

    // What a mask leaves open at an address's end makes a prefix of a single value.
    Spans address_images(const Span& span, const Column& column) const {
        const WideNumber all = ones(*column.kind.address == Family::v4 ? 32 : 128);
        const WideNumber open = all & ~column.mask;
        if (column.kind.address_part || (open & (open + 1)) != 0 ||
            (open != 0 && span.first != span.last)) {
            return Refused(
                fmt::format("object without a counterpart: {} in part, where addresses "
                            "become others",
                            policy::text(column.field)));
        }
        const Family family = *column.kind.address;
        return mapping_
            .map_set({address_of(span.first, family), address_of(span.last | open, family)})
            .map([](const std::vector<Interval>& images) {
                std::vector<Span> spans;
                spans.reserve(images.size());
                for (const Interval& image : images) {
                    spans.push_back(
                        {policy::as_number(image.first), policy::as_number(image.last)});
                }
                return spans;
            });
    }

    Spans name_image(const Span& span, const Column& column) const {
        std::string name = policy::from_name(span.first);
        if (span.first != span.last) {
            name += '*';
        }
        const bool whole = span == Span{policy::as_name(name, 0), policy::as_name(name, 0xff)};
        if (!whole || column.mask != ~WideNumber{0}) {
            return Refused("object without a counterpart: an interface's name in part");
        }
        return map_interface(interfaces_, name).map([](const std::string& image) {
            return std::vector{Span{policy::as_name(image, 0), policy::as_name(image, 0xff)}};
        });
    }

    Spans number_image(const Span& span, const Column& column) const {
        const Numbers& numbers = *column.kind.numbers;
        const unsigned shift = column.kind.shift;
        const auto at = [&](WideNumber value) {
            return static_cast<uint64_t>(value & ones(column.field.width)) << shift;
        };
        const uint64_t mask = at(column.mask);
        if (span.first != span.last) {
            return numbers.stays(at(span.first), at(span.last), mask).map([&] {
                return std::vector{span};
            });
        }
        return numbers.tested(at(span.first), mask).map([&](uint64_t image) {
            return std::vector{Span{image >> shift, image >> shift}};
        });
    }

    const Mapping& mapping_;
    const Interfaces& interfaces_;
    std::vector<Error>& errors_;
    bool renames_ = false;
    std::vector<std::string> no_devices_;
    std::string where_;
    std::string words_;
    // Of the rule so far, by the address's place in its header (IPv4's and IPv6's differ).
    std::map<unsigned, std::vector<Interval>> among_;
    std::map<ElementsPtr, std::vector<std::pair<std::vector<Column>, ElementsPtr>>> known_;
};

}  // namespace

policy::Policy image(policy::Policy policy, const Mapping& mapping, const Interfaces& interfaces,
                     std::vector<Error>& errors) {
    Imager(mapping, interfaces, errors).policy(policy);
    return policy;
}

policy::Services image(policy::Services services, const Mapping& mapping,
                       const Interfaces& interfaces, std::vector<Error>& errors) {
    Imager imager(mapping, interfaces, errors);
    for (policy::VirtualService& service : services.services) {
        imager.service(service);
    }
    return services;
}

}  // namespace rehome::lbsync
