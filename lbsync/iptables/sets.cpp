#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lbsync/iptables/context.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/set_state.h"

namespace rehome::lbsync::iptables {

namespace {

using policy::Term;
using policy::Test;
namespace field = policy::field;

tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

bool is_in(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// What `create` says, besides sizes and hashes, which decide nothing.
struct Shape {
    std::vector<std::string> parts;  // of an element: ip, net, port, mark, iface
    std::optional<Family> family;    // none: of ports
    std::optional<unsigned> netmask;
    bool list = false;
    bool ages = false;
};

Read<Shape> shape_of(const IpSet& set) {
    Shape shape;
    const size_t colon = set.type.find(':');
    shape.list = set.type == "list:set";
    shape.parts = split(colon == set.type.npos ? set.type : set.type.substr(colon + 1), ',');
    shape.family = set.type == "bitmap:port" ? std::nullopt : std::optional(Family::v4);
    for (const std::string& part : shape.parts) {
        if (!shape.list && !is_in(part, {"ip", "net", "port", "mark", "iface"})) {
            return wrong(fmt::format("type {} is not modelled here", set.type));
        }
    }
    for (size_t i = 0; i < set.options.size(); ++i) {
        const std::string& option = set.options[i].text;
        if (is_in(option, {"counters", "comment", "forceadd", "skbinfo"})) {
            continue;
        }
        if (++i == set.options.size()) {
            return wrong(fmt::format("{} has no value", option));
        }
        const std::string& value = set.options[i].text;
        if (option == "family" && is_in(value, {"inet", "inet6"})) {
            shape.family = value == "inet" ? Family::v4 : Family::v6;
        } else if (option == "netmask" && number(value, 128)) {
            shape.netmask = static_cast<unsigned>(*number(value, 128));
        } else if (option == "timeout") {
            shape.ages = true;
        } else if (!is_in(option,
                          {"hashsize", "maxelem", "bucketsize", "initval", "range", "size"})) {
            return wrong(fmt::format("option {} is not modelled here", in_quotes(option)));
        }
    }
    return shape;
}

struct Excluded {
    bool nomatch = false;
    bool wildcard = false;
    bool permanent = true;
};

Read<Excluded> options_of(const SetElement& element) {
    Excluded options;
    for (size_t i = 0; i < element.options.size(); ++i) {
        const std::string& option = element.options[i].text;
        if (option == "nomatch") {
            options.nomatch = true;
        } else if (option == "wildcard") {
            options.wildcard = true;
        } else if (is_in(option, {"timeout", "packets", "bytes", "comment", "skbmark", "skbprio",
                                  "skbqueue"}) &&
                   ++i < element.options.size()) {
            options.permanent &= option != "timeout" || element.options[i].text == "0";
        } else {
            return wrong(fmt::format("option {} is not modelled here", in_quotes(option)));
        }
    }
    return options;
}

// "tcp:80-90", "53": its protocols and ports.
struct Ports {
    Spans protocols;
    Span ports;
};

Read<Ports> ports_of(std::string_view text, bool any_protocol) {
    const size_t colon = text.find(':');
    const auto number = colon == text.npos ? Read<uint8_t>(6) : protocol(text.substr(0, colon));
    if (!number) {
        return wrong(number.error());
    }
    if (!is_in(std::to_string(*number), {"6", "17", "132", "136"})) {
        return wrong(fmt::format("{}: only ports of TCP, UDP, SCTP and UDP-Lite are modelled here",
                                 in_quotes(text)));
    }
    const auto ports = range(colon == text.npos ? text : text.substr(colon + 1), '-', 65535);
    if (!ports) {
        return wrong(ports.error());
    }
    const Span one{*number, *number};
    return Ports{any_protocol ? Spans{{6, 6}, {17, 17}} : Spans{one}, *ports};
}

Read<Span> part_of(const std::string& part, std::string_view text, const Shape& shape,
                   bool wildcard) {
    if (part == "mark") {
        return number(text, 0xffffffff).map([](uint64_t value) { return Span{value, value}; });
    }
    if (part == "iface") {
        const std::string name = std::string(text) + (wildcard ? "*" : "");
        if (text.find(':') != text.npos || text.size() > 15) {
            return wrong(fmt::format("{} is not modelled here", in_quotes(text)));
        }
        return Span{policy::as_name(name), policy::as_name(name, 0xff)};
    }
    auto span = addresses(text, *shape.family);
    if (span && part == "ip" && shape.netmask) {
        const WideNumber hosts = all_ones((shape.family == Family::v4 ? 32 : 128) - *shape.netmask);
        span = Span{span->first & ~hosts, span->last | hosts};
    }
    return span;
}

// Appends an element as rows: one, or two where it means two protocols.
Read<bool> add_rows(const SetElement& element, const Shape& shape, bool wildcard, Spans& rows) {
    const auto texts = split(element.value, ',');
    if (texts.size() != shape.parts.size()) {
        return wrong(fmt::format("element {} does not fit its type", in_quotes(element.value)));
    }
    std::vector<Spans> found{{}};
    for (size_t i = 0; i < texts.size(); ++i) {
        if (shape.parts[i] != "port") {
            const auto span = part_of(shape.parts[i], texts[i], shape, wildcard);
            if (!span) {
                return wrong(span.error());
            }
            for (Spans& row : found) {
                row.push_back(*span);
            }
            continue;
        }
        const auto ports = ports_of(texts[i], !shape.family);
        if (!ports) {
            return wrong(ports.error());
        }
        std::vector<Spans> more;
        for (const Span& protocol : ports->protocols) {
            for (Spans row : found) {
                row.insert(row.end(), {protocol, ports->ports});
                more.push_back(std::move(row));
            }
        }
        found = std::move(more);
    }
    for (const Spans& row : found) {
        rows.insert(rows.end(), row.begin(), row.end());
    }
    return true;
}

void subtract(Spans& from, const Span& what) {
    Spans left;
    for (const Span& span : from) {
        if (span.last < what.first || span.first > what.last) {
            left.push_back(span);
            continue;
        }
        if (span.first < what.first) {
            left.push_back({span.first, what.first - 1});
        }
        if (span.last > what.last) {
            left.push_back({what.last + 1, span.last});
        }
    }
    from = std::move(left);
}

// Networks of which some are exceptions: the longest prefix decides.
struct Network {
    Span span;
    bool nomatch = false;
};

Read<Spans> longest_match(std::vector<Network> networks) {
    constexpr size_t bound = 100'000'000;
    const auto exceptions = static_cast<size_t>(std::count_if(
        networks.begin(), networks.end(), [](const Network& network) { return network.nomatch; }));
    if (exceptions * networks.size() > bound) {
        return wrong("there are too many exceptions (nomatch)");
    }
    std::stable_sort(networks.begin(), networks.end(), [](const Network& a, const Network& b) {
        return a.span.last - a.span.first > b.span.last - b.span.first;
    });
    Spans spans;
    for (const Network& network : networks) {
        if (network.nomatch) {
            subtract(spans, network.span);
        } else {
            spans.push_back(network.span);
        }
    }
    return spans;
}

Read<Spans> rows_of(const IpSet& set, const Shape& shape) {
    Spans rows;
    std::vector<Network> networks;
    bool exceptions = false;
    for (const SetElement& element : set.elements) {
        const auto options = options_of(element);
        const auto added = options ? add_rows(element, shape, options->wildcard, rows)
                                   : Read<bool>(wrong(options.error()));
        if (!added) {
            return wrong(fmt::format("line {}: {}", element.line, added.error()));
        }
        exceptions |= options->nomatch;
        if (shape.parts.size() == 1 && !rows.empty()) {
            networks.push_back({rows.back(), options->nomatch});
        }
    }
    if (!exceptions) {
        return rows;
    }
    return shape.parts == std::vector<std::string>{"net"}
               ? longest_match(std::move(networks))
               : wrong("exceptions (nomatch) in more than networks are not modelled here");
}

Read<std::vector<Term>> terms_of(const Shape& shape, const std::string& flags, Family family) {
    const auto sides = split(flags, ',');
    if (sides.size() < shape.parts.size()) {
        return wrong(fmt::format("{} are fewer directions than the set has parts", flags));
    }
    const bool v4 = family == Family::v4;
    std::vector<Term> terms;
    for (size_t i = 0; i < shape.parts.size(); ++i) {
        const bool source = sides[i] == "src";
        if (!source && sides[i] != "dst") {
            return wrong(in_quotes(flags) + " are no directions");
        }
        if (shape.parts[i] == "port") {
            terms.push_back({field::transport_protocol()});
            terms.push_back({source ? field::source_port() : field::destination_port()});
        } else if (shape.parts[i] == "mark") {
            terms.push_back({field::mark()});
        } else if (shape.parts[i] == "iface") {
            terms.push_back({source ? field::in_interface() : field::out_interface()});
        } else if (source) {
            terms.push_back({v4 ? field::ip4_source() : field::ip6_source()});
        } else {
            terms.push_back({v4 ? field::ip4_destination() : field::ip6_destination()});
        }
    }
    return terms;
}

// What decides which packets a set that changes holds, but for its size.
std::string declared_words(const IpSet& set) {
    std::vector<std::string> words;
    for (size_t i = 0; i < set.options.size(); ++i) {
        const std::string& option = set.options[i].text;
        if (option == "forceadd") {
            words.push_back(" " + option);
        } else if (is_in(option, {"timeout", "netmask", "range"}) && i + 1 < set.options.size()) {
            words.push_back(fmt::format(" {} {}", option, set.options[++i].text));
        }
    }
    std::sort(words.begin(), words.end());
    return fmt::format("{}{}", set.type, fmt::join(words, ""));
}

std::string permanent_words(const IpSet& set) {
    std::vector<std::string> elements;
    for (const SetElement& element : set.elements) {
        const auto options = options_of(element);
        if (!options || options->permanent) {
            elements.push_back(element.value + (options && options->nomatch ? " nomatch" : ""));
        }
    }
    std::sort(elements.begin(), elements.end());
    return fmt::format("{} {{{}}}", declared_words(set), fmt::join(elements, ", "));
}

}  // namespace

Sets::Sets(const Dump& dump) : present_(dump.has_sets) {
    for (const IpSet& set : dump.sets) {
        sets_.emplace(set.name, &set);
    }
    for (const std::string& name : filled_sets(dump)) {
        filled_.insert(name);
    }
}

bool Sets::changes(const IpSet& set) const {
    const auto shape = shape_of(set);
    return filled_.contains(set.name) || (shape && shape->ages);
}

Test Sets::opaque(const IpSet& set, const std::string& flags, bool negated) const {
    std::string words = fmt::format("ipset {} {} {}", set.name, flags, permanent_words(set));
    for (const SetElement& element : set.elements) {
        const auto member = set.type == "list:set" ? sets_.find(element.value) : sets_.end();
        if (member != sets_.end()) {
            words += "; " + element.value + " " + permanent_words(*member->second);
        }
    }
    return Test{{Term{field::named(policy::Field::Source::opaque, words, 1, set.name)}},
                policy::elements({{1, 1}}),
                negated};
}

Read<Test> Sets::match_list(const IpSet& list, const std::string& flags, bool negated,
                            Family family) const {
    std::vector<Term> terms;
    Spans rows;
    for (const SetElement& element : list.elements) {
        const auto member = sets_.find(element.value);
        if (member == sets_.end() || member->second->type == "list:set") {
            return wrong(
                fmt::format("set {} of list {} is not in the dump", element.value, list.name));
        }
        if (changes(*member->second)) {
            return opaque(list, flags, negated);
        }
        const auto one = match(element.value, flags, negated, family);
        if (!one) {
            return wrong(one.error());
        }
        if (!terms.empty() && terms != one->of) {
            return wrong(fmt::format("list {} holds sets of several kinds", list.name));
        }
        terms = one->of;
        rows.insert(rows.end(), one->in->spans.begin(), one->in->spans.end());
    }
    if (terms.empty()) {
        return wrong(fmt::format("list {} is empty", list.name));
    }
    const size_t columns = terms.size();
    return Test{std::move(terms), policy::elements(std::move(rows), columns), negated};
}

Read<Test> Sets::match(const std::string& name, const std::string& flags, bool negated,
                       Family family) const {
    const auto found = sets_.find(name);
    if (found == sets_.end()) {
        return wrong(
            fmt::format("set {} is not there: {}", name,
                        present_ ? "ipset save shows it not" : "add what ipset save prints"));
    }
    const IpSet& set = *found->second;
    const auto shape = shape_of(set);
    if (!shape) {
        return wrong(fmt::format("set {}: {}", name, shape.error()));
    }
    if (shape->list) {
        return match_list(set, flags, negated, family);
    }
    if (changes(set)) {
        return opaque(set, flags, negated);
    }
    auto terms = shape->family.value_or(family) == family ? terms_of(*shape, flags, family)
                                                          : wrong("it is of the other family");
    // ipset answers "not in it" for a packet without ports, which a negation turns into "matches".
    if (terms && negated && std::count(shape->parts.begin(), shape->parts.end(), "port") > 0) {
        terms = wrong("\"!\" before a set with ports is not modelled here");
    }
    if (terms && !elements_.contains(name)) {
        auto rows = rows_of(set, *shape);
        if (rows) {
            elements_[name] = policy::elements(std::move(*rows), terms->size());
        } else {
            terms = wrong(rows.error());
        }
    }
    if (!terms) {
        return wrong(fmt::format("set {}: {}", name, terms.error()));
    }
    return Test{std::move(*terms), elements_.at(name), negated};
}

}  // namespace rehome::lbsync::iptables
