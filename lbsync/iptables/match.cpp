#include <functional>
#include <optional>

#include <fmt/format.h>

#include "lbsync/iptables/context.h"

namespace rehome::lbsync::iptables {

namespace {

using policy::Field;
using policy::Term;
using policy::Test;
namespace field = policy::field;

tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

Test test(Field of, Spans in, bool negated, WideNumber mask = ~WideNumber{0}) {
    return {{Term{std::move(of), mask}}, policy::elements(std::move(in)), negated};
}

Read<Steps> steps(Test one) {
    return Steps{std::move(one)};
}

const std::string& value_of(const Part& option) {
    return option.values[0].text;
}

// A match of a transport header is false for a packet that holds none.
Test transport() {
    return test(field::slice(Field::Source::transport, 0, 8), {{0, 255}}, false);
}

Read<Steps> in_range(const Part& option, Field of) {
    const auto values = range(value_of(option), ':', static_cast<uint64_t>(all_ones(of.width)));
    if (!values) {
        return wrong(values.error());
    }
    return steps(test(std::move(of), {*values}, option.negated));
}

Read<Steps> under_mask(const Part& option, Field of) {
    const auto value = masked(value_of(option), static_cast<uint64_t>(all_ones(of.width)));
    if (!value) {
        return wrong(value.error());
    }
    // The tools keep a value with bits outside of its mask; it never matches.
    return steps(test(std::move(of), {{value->value, value->value}}, option.negated, value->mask));
}

// "-i eth0", "-o ppp+".
Read<Steps> interface(const Part& option, Field of) {
    std::string name = value_of(option);
    if (name.find('*') != name.npos || name.size() > 15) {
        return wrong(fmt::format("{} is no interface's name", in_quotes(name)));
    }
    if (name.ends_with('+')) {
        name.back() = '*';
    }
    return steps(test(std::move(of), {{policy::as_name(name), policy::as_name(name, 0xff)}},
                      option.negated));
}

Read<Steps> network_test(const Part& option, Field of, Family family) {
    const auto value = network(value_of(option), family);
    if (!value) {
        return wrong(value.error());
    }
    return steps(test(std::move(of), {{value->value, value->value}}, option.negated, value->mask));
}

Read<Steps> protocol_test(const Part& option) {
    if (value_of(option) == "all" || value_of(option) == "0") {
        return option.negated ? wrong("no protocol is none of all") : Read<Steps>(Steps{});
    }
    const auto value = protocol(value_of(option));
    if (!value) {
        return wrong(value.error());
    }
    return steps(test(field::transport_protocol(), {{*value, *value}}, option.negated));
}

// A module's options, each by itself; what is common to all of them comes first.
using OptionSteps = std::function<Read<Steps>(const Part&, const Context&)>;

Read<Steps> each_option(const Rule& rule, size_t part, const Context& context, Steps first,
                        const OptionSteps& one) {
    for (const Part* option : rule.options_of(part)) {
        auto more = one(*option, context);
        if (!more) {
            return more;
        }
        first.insert(first.end(), more->begin(), more->end());
    }
    return first;
}

tl::unexpected<std::string> no_meaning(const Part& option) {
    return wrong(fmt::format("{} is not modelled here", option.option));
}

Read<Steps> opaque_option(const Part& option, std::string_view module) {
    std::string words = fmt::format("xt {} {}", module, option.option);
    for (const Word& word : option.values) {
        words += " " + word.text;
    }
    return steps(test(field::named(Field::Source::opaque, words), {{1, 1}}, option.negated));
}

// FIN,SYN,RST,... as bits.
Read<uint8_t> tcp_flag_bits(std::string_view text) {
    static const std::unordered_map<std::string_view, uint8_t> names{
        {"FIN", 1},  {"SYN", 2},  {"RST", 4},    {"PSH", 8},
        {"ACK", 16}, {"URG", 32}, {"ALL", 0x3f}, {"NONE", 0}};
    unsigned bits = 0;
    for (const std::string& name : split(text, ',')) {
        const auto found = names.find(name);
        if (found == names.end()) {
            return wrong(fmt::format("{} is no TCP flag", in_quotes(name)));
        }
        bits |= found->second;
    }
    return static_cast<uint8_t>(bits);
}

Read<Steps> tcp_flags(const Part& option) {
    const bool syn = option.option == "--syn";
    const auto mask = syn ? Read<uint8_t>(0x17) : tcp_flag_bits(value_of(option));
    const auto wanted = syn ? Read<uint8_t>(0x02) : tcp_flag_bits(option.values[1].text);
    if (!mask || !wanted) {
        return wrong(!mask ? mask.error() : wanted.error());
    }
    return steps(test(field::tcp_flags(), {{*wanted, *wanted}}, option.negated, *mask));
}

Read<Steps> ports(const Part& option, const Context&) {
    if (option.option == "--sport" || option.option == "--source-port") {
        return in_range(option, field::source_port());
    }
    if (option.option == "--dport" || option.option == "--destination-port") {
        return in_range(option, field::destination_port());
    }
    if (option.option == "--tcp-flags" || option.option == "--syn") {
        return tcp_flags(option);
    }
    if (option.option == "--tcp-option") {
        return steps(test(field::named(Field::Source::opaque, "tcp option " + value_of(option)),
                          {{1, 1}}, option.negated));
    }
    return opaque_option(option, "transport");
}

// Of tcp, udp, sctp and dccp, whose headers begin with the two ports.
Read<Steps> port_match(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {transport()}, ports);
}

Read<Steps> multiport(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context&) {
        Spans spans;
        for (const std::string& text : split(value_of(option), ',')) {
            const auto values = range(text, ':', 65535);
            if (!values) {
                return Read<Steps>(wrong(values.error()));
            }
            spans.push_back(*values);
        }
        if (option.option != "--ports") {
            const bool source = option.option == "--sports" || option.option == "--source-ports";
            return steps(test(source ? field::source_port() : field::destination_port(),
                              std::move(spans), option.negated));
        }
        constexpr Span any{0, 65535};
        Spans rows;
        for (const Span& span : spans) {
            rows.insert(rows.end(), {span, any, any, span});
        }
        return steps(Test{{Term{field::source_port()}, Term{field::destination_port()}},
                          policy::elements(std::move(rows), 2),
                          option.negated});
    });
}

Read<Steps> icmp_type(const Part& option, const Context& context) {
    const std::string& text = value_of(option);
    if (text == "any" || (text == "255" && context.family == Family::v4)) {
        return option.negated ? no_meaning(option) : Read<Steps>(Steps{});
    }
    const size_t slash = text.find('/');
    const auto type = icmp_name(text.substr(0, slash), context.family);
    const auto code = range(slash == text.npos ? "0" : text.substr(slash + 1), ':', 255);
    if (!type || !code) {
        return wrong(!type ? type.error() : code.error());
    }
    if (slash == text.npos) {
        return steps(test(field::icmp_type(), {{*type, *type}}, option.negated));
    }
    return steps(Test{{Term{field::icmp_type()}, Term{field::icmp_code()}},
                      policy::elements({{*type, *type}, *code}, 2),
                      option.negated});
}

Read<Steps> icmp(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {transport()}, icmp_type);
}

// What conntrack knows, of which the packet has one state and may have two kinds of translation.
struct States {
    uint32_t state = 0;
    uint32_t status = 0;
};

Read<States> states_in(std::string_view text) {
    static const std::unordered_map<std::string_view, States> names{
        {"INVALID", {1, 0}},    {"ESTABLISHED", {2, 0}}, {"RELATED", {4, 0}}, {"NEW", {8, 0}},
        {"UNTRACKED", {64, 0}}, {"SNAT", {0, 16}},       {"DNAT", {0, 32}}};
    States states;
    for (const std::string& name : split(text, ',')) {
        const auto found = names.find(name);
        if (found == names.end()) {
            return wrong(fmt::format("{} is no state of a connection", in_quotes(name)));
        }
        states.state |= found->second.state;
        states.status |= found->second.status;
    }
    return states;
}

Read<Steps> ct_state(const Part& option) {
    const auto states = states_in(value_of(option));
    if (!states) {
        return wrong(states.error());
    }
    if (states->status == 0) {
        return steps(test(field::ct_state(), {{0, 0}}, !option.negated, states->state));
    }
    const Span any_state{0, states->state};
    const Span any_status{0, states->status};
    return steps(
        Test{{Term{field::ct_state(), states->state}, Term{field::ct_status(), states->status}},
             policy::elements({{1, states->state}, any_status, any_state, {1, states->status}}, 2),
             option.negated});
}

Read<Steps> conntrack(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context&) {
        if (option.option == "--ctstate" || option.option == "--state") {
            return ct_state(option);
        }
        return opaque_option(option, "conntrack");
    });
}

Read<Steps> iprange(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        const auto span = addresses(value_of(option), known.family);
        if (!span) {
            return Read<Steps>(wrong(span.error()));
        }
        const bool source = option.option == "--src-range";
        return steps(test(source ? known.source() : known.destination(), {*span}, option.negated));
    });
}

Read<Steps> mark(const Rule& rule, size_t part, const Context& context) {
    const Field of = rule.parts[part].name == "mark" ? field::mark() : field::ct_mark();
    return each_option(rule, part, context, {}, [&of](const Part& option, const Context&) {
        return under_mask(option, of);
    });
}

Read<Steps> set_match(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        if (option.option == "--update-counters" || option.option == "--update-subcounters") {
            return Read<Steps>(Steps{});
        }
        if (option.option != "--match-set") {
            return Read<Steps>(no_meaning(option));
        }
        auto match = known.sets.match(option.values[0].text, option.values[1].text, option.negated,
                                      known.family);
        return match ? steps(std::move(*match)) : Read<Steps>(wrong(match.error()));
    });
}

// "--ttl-gt 1" and the like.
Read<Steps> hops(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        const Field of = known.family == Family::v4 ? field::ip4_ttl() : field::ip6_hop_limit();
        const auto value = number(value_of(option), 255);
        if (!value) {
            return Read<Steps>(wrong(value.error()));
        }
        if (option.option.ends_with("-eq")) {
            return steps(test(of, {{*value, *value}}, option.negated));
        }
        const bool less = option.option.ends_with("-lt");
        if (*value == (less ? 0 : 255)) {
            return Read<Steps>(wrong(option.option + " can never match"));
        }
        return steps(test(of, {less ? Span{0, *value - 1} : Span{*value + 1, 255}}, false));
    });
}

Field traffic_class(Family family, unsigned width) {
    return family == Family::v4 ? field::slice(Field::Source::ip4, 8, width)
                                : field::slice(Field::Source::ip6, 4, width);
}

Read<Steps> dscp(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        return option.option == "--dscp" ? in_range(option, traffic_class(known.family, 6))
                                         : Read<Steps>(no_meaning(option));
    });
}

Read<Steps> tos(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        return under_mask(option, traffic_class(known.family, 8));
    });
}

Read<Steps> esp(const Rule& rule, size_t part, const Context& context) {
    const Field spi = field::slice(Field::Source::transport, 0, 32);
    return each_option(
        rule, part, context, {transport()},
        [&spi](const Part& option, const Context&) { return in_range(option, spi); });
}

Read<Steps> length(const Rule& rule, size_t part, const Context& context) {
    return each_option(rule, part, context, {}, [](const Part& option, const Context& known) {
        return known.family == Family::v4 ? in_range(option, field::ip4_length())
                                          : opaque_option(option, "length");
    });
}

Read<Steps> mac(const Rule& rule, size_t part, const Context& context) {
    constexpr WideNumber ethernet = 1;  // ARPHRD_ETHER
    Test link = policy::is(field::named(Field::Source::other, "meta iiftype", 16), ethernet);
    return each_option(
        rule, part, context, {std::move(link)}, [](const Part& option, const Context&) {
            WideNumber value = 0;
            const auto bytes = split(value_of(option), ':');
            for (const std::string& byte : bytes) {
                const auto read = number("0x" + byte, 255);
                if (!read || bytes.size() != 6) {
                    return Read<Steps>(
                        wrong(in_quotes(value_of(option)) + " is no hardware address"));
                }
                value = value << 8 | *read;
            }
            return steps(test(field::ether_source(), {{value, value}}, option.negated));
        });
}

Read<Steps> comment(const Rule&, size_t, const Context&) {
    return Steps{};
}

// Addresses whose kind the routing tables tell, and the like.
Read<Steps> opaque_module(const Rule& rule, size_t part, const Context&) {
    return steps(
        test(field::named(Field::Source::opaque, module_words(rule, part)), {{1, 1}}, false));
}

// The table that rules share by its name.
std::string instance_of(const Rule& rule, size_t part) {
    for (const Part* option : rule.options_of(part)) {
        if (option->option == "--hashlimit-name" || option->option == "--name" ||
            option->option == "--nfacct-name") {
            return rule.parts[part].name + " " + option->values[0].text;
        }
    }
    return rule.parts[part].name == "recent" ? "recent DEFAULT" : "";
}

// What counts, or draws lots.
Read<Steps> drawn_module(const Rule& rule, size_t part, const Context&) {
    return steps(test(
        field::named(Field::Source::drawn, module_words(rule, part), 1, instance_of(rule, part)),
        {{1, 1}}, false));
}

Read<Steps> tcpmss(const Rule&, size_t, const Context&) {
    return wrong("match tcpmss, which TCPMSS may have changed, is not modelled here");
}

using Matcher = Read<Steps> (*)(const Rule&, size_t, const Context&);

const std::unordered_map<std::string_view, Matcher>& matchers() {
    static const std::unordered_map<std::string_view, Matcher> all{{"tcp", port_match},
                                                                   {"udp", port_match},
                                                                   {"sctp", port_match},
                                                                   {"dccp", port_match},
                                                                   {"comment", comment},
                                                                   {"multiport", multiport},
                                                                   {"icmp", icmp},
                                                                   {"icmp6", icmp},
                                                                   {"conntrack", conntrack},
                                                                   {"state", conntrack},
                                                                   {"iprange", iprange},
                                                                   {"mark", mark},
                                                                   {"connmark", mark},
                                                                   {"set", set_match},
                                                                   {"ttl", hops},
                                                                   {"hl", hops},
                                                                   {"dscp", dscp},
                                                                   {"tos", tos},
                                                                   {"esp", esp},
                                                                   {"length", length},
                                                                   {"mac", mac},
                                                                   {"tcpmss", tcpmss},
                                                                   {"limit", drawn_module},
                                                                   {"hashlimit", drawn_module},
                                                                   {"recent", drawn_module},
                                                                   {"statistic", drawn_module},
                                                                   {"connlimit", drawn_module},
                                                                   {"quota", drawn_module},
                                                                   {"nfacct", drawn_module},
                                                                   {"connbytes", drawn_module},
                                                                   {"connlabel", drawn_module}};
    return all;
}

}  // namespace

std::string module_words(const Rule& rule, size_t part) {
    std::vector<Word> words{{"xt"}, {rule.parts[part].name}};
    for (const Part* option : rule.options_of(part)) {
        if (option->negated) {
            words.push_back({"!"});
        }
        words.push_back({option->option});
        words.insert(words.end(), option->values.begin(), option->values.end());
    }
    return print_words(words, Escapes::backslash);
}

Read<Steps> base_steps(const Part& part, const Context& context) {
    const std::string& option = part.option;
    if (option == "-s" || option.starts_with("--s")) {
        return network_test(part, context.source(), context.family);
    }
    if (option == "-d" || option.starts_with("--d")) {
        return network_test(part, context.destination(), context.family);
    }
    if (option == "-i" || option.starts_with("--i")) {
        return interface(part, field::in_interface());
    }
    if (option == "-o" || option.starts_with("--o")) {
        return interface(part, field::out_interface());
    }
    if (option == "-p" || option.starts_with("--p")) {
        return protocol_test(part);
    }
    // -f: not the first fragment.
    return context.family == Family::v4
               ? steps(test(field::ip4_fragment(), {{0, 0}}, !part.negated, 0x1fff))
               : Read<Steps>(no_meaning(part));
}

Read<Steps> match_steps(const Rule& rule, size_t part, const Context& context) {
    const auto found = matchers().find(rule.parts[part].name);
    return (found == matchers().end() ? opaque_module : found->second)(rule, part, context);
}

}  // namespace rehome::lbsync::iptables
