#include <fmt/format.h>

#include "lbsync/iptables/context.h"

namespace rehome::lbsync::iptables {

namespace {

using policy::Act;
using policy::Field;
using policy::Nat;
using policy::Store;
using policy::Value;
using policy::Verdict;
namespace field = policy::field;

using Options = std::vector<const Part*>;

tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

// The value of the option; empty when it does not stand there.
std::string text_of(const Options& options, std::string_view name) {
    for (const Part* option : options) {
        if (option->option == name) {
            return option->values.empty() ? "yes" : option->values[0].text;
        }
    }
    return {};
}

struct Target {
    const Rule& rule;
    size_t part;
    const Context& context;
    Reached reached;
    Options options;

    std::string text(std::string_view name) const { return text_of(options, name); }
    bool has(std::string_view name) const { return !text(name).empty(); }
    std::string words() const { return module_words(rule, part); }
};

Read<Steps> one(policy::Step step) {
    return Steps{std::move(step)};
}

Read<Steps> reject(const Target& target) {
    static const std::unordered_map<std::string_view, std::string_view> words{
        {"icmp-net-unreachable", "icmp net-unreachable"},
        {"net-unreach", "icmp net-unreachable"},
        {"icmp-host-unreachable", "icmp host-unreachable"},
        {"host-unreach", "icmp host-unreachable"},
        {"icmp-port-unreachable", "icmp port-unreachable"},
        {"port-unreach", "icmp port-unreachable"},
        {"icmp-proto-unreachable", "icmp prot-unreachable"},
        {"proto-unreach", "icmp prot-unreachable"},
        {"icmp-net-prohibited", "icmp net-prohibited"},
        {"net-prohib", "icmp net-prohibited"},
        {"icmp-host-prohibited", "icmp host-prohibited"},
        {"host-prohib", "icmp host-prohibited"},
        {"icmp-admin-prohibited", "icmp admin-prohibited"},
        {"admin-prohib", "icmp admin-prohibited"},
        {"icmp6-no-route", "icmpv6 no-route"},
        {"no-route", "icmpv6 no-route"},
        {"icmp6-adm-prohibited", "icmpv6 admin-prohibited"},
        {"adm-prohibited", "icmpv6 admin-prohibited"},
        {"icmp6-addr-unreachable", "icmpv6 addr-unreachable"},
        {"addr-unreach", "icmpv6 addr-unreachable"},
        {"icmp6-port-unreachable", "icmpv6 port-unreachable"},
        {"icmp6-policy-fail", "icmpv6 policy-fail"},
        {"policy-fail", "icmpv6 policy-fail"},
        {"icmp6-reject-route", "icmpv6 reject-route"},
        {"reject-route", "icmpv6 reject-route"},
        {"tcp-reset", "tcp reset"},
        {"tcp-rst", "tcp reset"}};
    std::string how = target.text("--reject-with");
    if (how.empty()) {
        how = target.context.family == Family::v4 ? "icmp-port-unreachable"
                                                  : "icmp6-port-unreachable";
    }
    const auto found = words.find(how);
    if (found == words.end()) {
        return wrong(fmt::format("{} is no known way to reject", in_quotes(how)));
    }
    return one(Verdict{Verdict::Kind::reject, std::string(found->second), 0});
}

Read<Steps> queue(const Target& target) {
    std::string words = "queue num ";
    const std::string balance = target.text("--queue-balance");
    std::string number = target.text("--queue-num");
    number = number.empty() ? "0" : number;
    for (const char c : balance.empty() ? number : balance) {
        words += c == ':' ? '-' : c;
    }
    words += target.has("--queue-bypass") ? " bypass" : "";
    words += target.has("--queue-cpu-fanout") ? " fanout" : "";
    return one(Verdict{Verdict::Kind::hand_over, words, 0});
}

// (old & ~cleared) ^ flip
Read<Steps> write(Field into, WideNumber cleared, WideNumber flip) {
    const WideNumber all = all_ones(into.width);
    Value value{.from = into, .mask = all & ~cleared, .flip = flip};
    if (value.mask == 0) {
        value = {.from = {}, .mask = all, .flip = flip};
    }
    return one(Store{std::move(into), std::move(value)});
}

// MARK and CONNMARK: what all the ways to write bits come down to.
Read<Steps> write_mark(const Target& target, const Field& into) {
    const Options& options = target.options;
    constexpr uint64_t all = 0xffffffff;
    if (options.size() != 1 || options[0]->values.size() != 1) {
        return wrong(fmt::format("{} is not modelled here", in_quotes(target.words())));
    }
    const std::string& how = options[0]->option;
    const auto bits = masked(options[0]->values[0].text, all);
    if (!bits) {
        return wrong(bits.error());
    }
    if (how == "--set-xmark") {
        return write(into, bits->mask, bits->value);
    }
    if (how == "--set-mark") {
        return write(into, bits->mask | bits->value, bits->value);
    }
    if (how == "--and-mark") {
        return write(into, all & ~bits->value, 0);
    }
    if (how == "--or-mark") {
        return write(into, bits->value, bits->value);
    }
    return how == "--xor-mark" ? write(into, 0, bits->value)
                               : wrong(fmt::format("{} is not modelled here", how));
}

Read<Steps> mark(const Target& target) {
    return write_mark(target, field::mark());
}

// Bits of a mark that stand together.
struct Run {
    unsigned offset = 0;  // from the highest
    unsigned width = 0;

    Field of(const Field& mark) const { return field::slice(mark.source, offset, width); }
};

std::vector<Run> runs(uint64_t mask) {
    std::vector<Run> found;
    for (unsigned offset = 0; offset < 32; ++offset) {
        if ((mask >> (31 - offset) & 1) == 0) {
            continue;
        }
        if (found.empty() || found.back().offset + found.back().width != offset) {
            found.push_back({offset, 0});
        }
        ++found.back().width;
    }
    return found;
}

// "--restore-mark --nfmask M --ctmask M" copies the bits of one mark under the mask.
Read<Steps> copy_mark(const Target& target, const Field& from, const Field& into) {
    constexpr uint64_t all = 0xffffffff;
    const auto mask_of = [&](std::string_view name) {
        const std::string own = target.text(name);
        const std::string both = target.text("--mask");
        const std::string& text = own.empty() ? both : own;
        return text.empty() ? Read<uint64_t>(all) : number(text, all);
    };
    const auto nf = mask_of("--nfmask");
    const auto ct = mask_of("--ctmask");
    if (!nf || !ct) {
        return wrong(!nf ? nf.error() : ct.error());
    }
    const bool saves = into.source == Field::Source::ct_mark;
    const uint64_t written = saves ? *ct : *nf;
    const uint64_t taken = saves ? *nf : *ct;
    if ((taken & ~written) != 0) {
        return wrong("a copy of bits of a mark into bits that stay is not modelled here");
    }
    Steps steps;
    for (const Run& run : runs(written & taken)) {
        steps.push_back(Store{run.of(into), Value{.from = run.of(from)}});
    }
    for (const Run& run : runs(written & ~taken)) {
        steps.push_back(Store{run.of(into), Value{}});
    }
    return steps;
}

Read<Steps> connmark(const Target& target) {
    if (target.has("--save-mark")) {
        return copy_mark(target, field::mark(), field::ct_mark());
    }
    if (target.has("--restore-mark")) {
        return copy_mark(target, field::ct_mark(), field::mark());
    }
    return write_mark(target, field::ct_mark());
}

Steps untracked() {
    return {Store{field::ct_state(), Value{.from = {}, .mask = ~WideNumber{0}, .flip = 64}}};
}

Read<Steps> no_track(const Target&) {
    return untracked();
}

Read<Steps> ct(const Target& target) {
    if (target.has("--notrack")) {
        return untracked();
    }
    Steps steps;
    for (const Part* option : target.options) {
        const auto zone = number(option->values[0].text, 65535);
        if (option->option == "--zone" && zone) {
            steps.push_back(
                Store{field::ct_zone(), Value{.from = {}, .mask = 0xffff, .flip = *zone}});
            continue;
        }
        if (option->option.starts_with("--zone")) {
            return wrong(fmt::format("{} is not modelled here", option->option));
        }
        steps.push_back(
            Act{fmt::format("xt CT {} {}", option->option, option->values[0].text), {}});
    }
    return steps;
}

// "10.0.0.1-10.0.0.9:80-90", "[2001:db8::1]:80"; ":80" alone keeps the address.
Read<Steps> translation(Nat nat, std::string_view text, Family family) {
    std::string_view address = text;
    std::string_view port;
    if (family == Family::v6 && text.starts_with("[")) {
        const size_t end = text.find(']');
        const std::string_view rest = end == text.npos ? "" : text.substr(end + 1);
        if (end == text.npos || (!rest.empty() && rest[0] != ':')) {
            return wrong(in_quotes(text) + " is no [ADDRESS]:PORT");
        }
        address = text.substr(1, end - 1);
        port = rest.empty() ? rest : rest.substr(1);
    } else if (const size_t colon = text.find(':'); family == Family::v4 && colon != text.npos) {
        address = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    if (!address.empty()) {
        const auto span = address.find('/') == address.npos
                              ? addresses(address, family)
                              : wrong(in_quotes(address) + " is no range of addresses");
        if (!span) {
            return wrong(span.error());
        }
        nat.ip6 = family == Family::v6;
        nat.address = *span;
    }
    if (!port.empty()) {
        const auto span = range(port, '-', 65535);
        if (!span || port.front() == '-' || port.back() == '-') {
            return wrong(in_quotes(port) + " is no range of ports that is modelled here");
        }
        nat.port = *span;
    }
    return one(std::move(nat));
}

std::string nat_flags(const Target& target) {
    std::string flags;
    for (const std::string_view flag : {"random", "persistent", "random-fully"}) {
        if (target.has(fmt::format("--{}", flag))) {
            flags += flags.empty() ? "" : ",";
            flags += flag == "random-fully" ? "fully-random" : flag;
        }
    }
    return flags;
}

Read<Steps> translate(const Target& target) {
    static const std::unordered_map<std::string_view, std::pair<Nat::Kind, std::string_view>> kinds{
        {"DNAT", {Nat::Kind::destination, "--to-destination"}},
        {"SNAT", {Nat::Kind::source, "--to-source"}},
        {"MASQUERADE", {Nat::Kind::masquerade, "--to-ports"}},
        {"REDIRECT", {Nat::Kind::redirect, "--to-ports"}}};
    const auto& [kind, option] = kinds.at(target.rule.parts[target.part].name);
    Nat nat{.kind = kind, .ip6 = false, .address = {}, .port = {}, .flags = nat_flags(target)};
    const auto count = std::count_if(target.options.begin(), target.options.end(),
                                     [&o = option](const Part* part) { return part->option == o; });
    if (count > 1) {
        return wrong(fmt::format("several {} are not modelled here", option));
    }
    const bool ports = option == "--to-ports";
    if (count == 0) {
        return ports ? one(std::move(nat)) : wrong(fmt::format("{} is missing", option));
    }
    const std::string text = target.text(option);
    return ports ? translation(std::move(nat), ":" + text, Family::v4)
                 : translation(std::move(nat), text, target.context.family);
}

// A whole prefix onto another, host by host.
Read<Steps> netmap(const Target& target) {
    const auto to = addresses(target.text("--to"), target.context.family);
    if (!to) {
        return wrong(to.error());
    }
    if (target.reached.source == target.reached.destination) {
        return wrong("NETMAP is reached from hooks where it means two things");
    }
    return one(Nat{.kind = target.reached.source ? Nat::Kind::source : Nat::Kind::destination,
                   .ip6 = target.context.family == Family::v6,
                   .address = *to,
                   .port = {},
                   .flags = "netmap"});
}

Read<Steps> set_members(const Target& target) {
    Steps steps;
    for (const Part* option : target.options) {
        if (option->option == "--map-set") {
            return wrong("--map-set is not modelled here");
        }
        if (option->values.size() == 2) {
            steps.push_back(Act{target.words(), option->values[0].text});
        }
    }
    return steps;
}

Read<Steps> dscp(const Target& target) {
    const auto value = number(target.text("--set-dscp"), 63);
    if (!value) {
        return wrong(value.error());
    }
    return write(target.context.family == Family::v4 ? field::ip4_dscp()
                                                     : field::slice(Field::Source::ip6, 4, 6),
                 63, *value);
}

Read<Steps> tos(const Target& target) {
    const auto bits = masked(target.text("--set-tos"), 255);
    if (!bits) {
        return wrong(bits.error());
    }
    return write(
        field::slice(target.context.family == Family::v4 ? Field::Source::ip4 : Field::Source::ip6,
                     target.context.family == Family::v4 ? 8 : 4, 8),
        bits->mask, bits->value);
}

Read<Steps> hops(const Target& target) {
    const bool v4 = target.context.family == Family::v4;
    const auto value = number(target.text(v4 ? "--ttl-set" : "--hl-set"), 255);
    if (!value) {
        return wrong("only a value that is set, not one that is counted, is modelled here");
    }
    return write(v4 ? field::ip4_ttl() : field::ip6_hop_limit(), 255, *value);
}

// As nft says it, since both hand the packet to the same logger.
Read<Steps> log(const Target& target) {
    constexpr std::string_view levels[] = {"emerg", "alert",  "crit", "err",
                                           "warn",  "notice", "info", "debug"};
    std::string words = "log";
    if (target.has("--log-prefix")) {
        words += fmt::format(" prefix \"{}\"", target.text("--log-prefix"));
    }
    const auto level = number(target.has("--log-level") ? target.text("--log-level") : "4", 7);
    if (!level) {
        return wrong(level.error());
    }
    if (*level != 4) {
        words += fmt::format(" level {}", levels[*level]);
    }
    const bool sequence = target.has("--log-tcp-sequence");
    const bool options = target.has("--log-tcp-options");
    if (sequence || options) {
        words += fmt::format(" flags tcp {}{}{}", sequence ? "sequence" : "",
                             sequence && options ? "," : "", options ? "options" : "");
    }
    words += target.has("--log-ip-options") ? " flags ip options" : "";
    words += target.has("--log-uid") ? " flags skuid" : "";
    words += target.has("--log-macdecode") ? " flags ether" : "";
    return one(Act{words, {}});
}

Read<Steps> act(const Target& target) {
    return one(Act{target.words(), {}});
}

Read<Steps> hand_over(const Target& target) {
    return one(Verdict{Verdict::Kind::hand_over, target.words(), 0});
}

template <Verdict::Kind kind>
Read<Steps> verdict(const Target&) {
    return one(Verdict{kind, {}, 0});
}

using Aim = Read<Steps> (*)(const Target&);

// What is known to iptables and stands not here changes what later rules could see in a way that
// is not modelled.
const std::unordered_map<std::string_view, Aim>& aims() {
    static const std::unordered_map<std::string_view, Aim> all{
        {"ACCEPT", verdict<Verdict::Kind::accept>},
        {"DROP", verdict<Verdict::Kind::drop>},
        {"RETURN", verdict<Verdict::Kind::back>},
        {"REJECT", reject},
        {"QUEUE", queue},
        {"NFQUEUE", queue},
        {"TPROXY", hand_over},
        {"MARK", mark},
        {"CONNMARK", connmark},
        {"NOTRACK", no_track},
        {"CT", ct},
        {"DNAT", translate},
        {"SNAT", translate},
        {"MASQUERADE", translate},
        {"REDIRECT", translate},
        {"NETMAP", netmap},
        {"SET", set_members},
        {"DSCP", dscp},
        {"TOS", tos},
        {"TTL", hops},
        {"HL", hops},
        {"LOG", log},
        {"NFLOG", act},
        {"TCPMSS", act},
        {"CLASSIFY", act},
        {"CHECKSUM", act},
        {"TEE", act},
        {"TRACE", act},
        {"AUDIT", act}};
    return all;
}

}  // namespace

Read<Steps> target_steps(const Rule& rule, size_t part, const Context& context, Reached reached) {
    const auto found = aims().find(rule.parts[part].name);
    if (found == aims().end()) {
        return wrong(fmt::format("target {} is not modelled here", rule.parts[part].name));
    }
    return found->second({rule, part, context, reached, rule.options_of(part)});
}

}  // namespace rehome::lbsync::iptables
