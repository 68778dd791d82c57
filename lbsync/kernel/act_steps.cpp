// Acts of the kernel's rules as steps of a policy.
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "lbsync/kernel/canonical.h"
#include "lbsync/kernel/rule_steps.h"

namespace rehome::lbsync::kernel {

namespace {

namespace field = policy::field;
using policy::Field;
using Refused = tl::unexpected<std::string>;
using Where = Field::Source;

std::string_view word(uint64_t number,
                      std::initializer_list<std::pair<uint64_t, std::string_view>> words) {
    for (const auto& [known, text] : words) {
        if (known == number) {
            return text;
        }
    }
    return "";
}

// An act, and the bytes that it is done with.
class Acting {
public:
    Acting(const Act& act, const NormalRule& rule, TableContext& table)
        : act_(act), it_(act.expression), rule_(rule), table_(table) {}

    Understood<Steps> read() {
        if (it_.group == "lookup") {
            return verdict_map();
        }
        if (const auto from = map_of_operands()) {
            return by_map(*from);
        }
        using Reader = Understood<Steps> (Acting::*)();
        static const std::map<std::string_view, Reader> readers = {
            {"counter", &Acting::nothing},   {"last", &Acting::nothing},
            {"log", &Acting::words},         {"limit", &Acting::limit},
            {"quota", &Acting::drawn},       {"connlimit", &Acting::drawn},
            {"reject", &Acting::reject},     {"nat", &Acting::nat},
            {"masq", &Acting::masquerade},   {"redir", &Acting::redirect},
            {"meta", &Acting::set_meta},     {"ct", &Acting::set_ct},
            {"notrack", &Acting::notrack},   {"dynset", &Acting::update},
            {"queue", &Acting::queue},       {"synproxy", &Acting::proxy},
            {"objref", &Acting::object},     {"payload", &Acting::rewrite},
            {"tproxy", &Acting::tproxy},     {"exthdr", &Acting::lower_segment_size},
            {"dup", &Acting::copy},          {"fwd", &Acting::forward},
            {"flow_offload", &Acting::words}};
        const auto found = readers.find(it_.group);
        return found == readers.end()
                   ? Refused(fmt::format("{} has no meaning here", canonical(it_)))
                   : (this->*found->second)();
    }

private:
    // Operands.

    const Word* operand(std::string_view name) const {
        const auto found = std::find_if(act_.operands.begin(), act_.operands.end(),
                                        [&](const auto& one) { return one.first == name; });
        return found == act_.operands.end() ? nullptr : &found->second;
    }

    static std::optional<Bytes> constant(const Word& word) {
        Bytes bytes;
        for (const Byte& byte : word) {
            if (byte.source != Byte::constant) {
                return {};
            }
            bytes.push_back(byte.flip);
        }
        return bytes;
    }

    static WideNumber number(const Bytes& bytes, bool little) {
        WideNumber value = 0;
        for (size_t i = 0; i < bytes.size(); ++i) {
            value = value << 8 | bytes[little ? bytes.size() - 1 - i : i];
        }
        return value;
    }

    // The map that all operands come from; none when they do not.
    const Source* map_of_operands() const {
        const Source* map = nullptr;
        for (const auto& [name, word] : act_.operands) {
            for (const Byte& byte : word) {
                const bool from_map = byte.source != Byte::constant &&
                                      rule_.sources[byte.source].load.group == "lookup";
                map = from_map ? &rule_.sources[byte.source] : map;
            }
        }
        return map;
    }

    // The act with what the map gives for one element.
    std::optional<Act> with(const Source& map, const Bytes& data) const {
        Act act = act_;
        for (auto& [name, word] : act.operands) {
            for (Byte& byte : word) {
                if (byte.source == Byte::constant) {
                    continue;
                }
                if (&rule_.sources[byte.source] != &map || byte.index >= data.size()) {
                    return {};
                }
                byte = {Byte::constant, 0, 0,
                        static_cast<uint8_t>((data[byte.index] & byte.mask) ^ byte.flip)};
            }
        }
        return act;
    }

    // Maps.

    Understood<policy::Choice> choice(const std::string& name, const Word& key,
                                      const std::function<Understood<Steps>(const Node&)>& gives) {
        const Set* set = table_.sets.find(name);
        if (set == nullptr || table_.sets.dynamic(*set)) {
            return Refused(fmt::format("map {}, which rules change", name));
        }
        const auto of = pieces(key, rule_.sources, table_.context);
        const auto all = of ? rows(*set, key, *of, table_.context) : Refused(of.error());
        if (!all) {
            return Refused(fmt::format("map {}: {}", name, all.error()));
        }
        policy::Choice result;
        std::transform(of->begin(), of->end(), std::back_inserter(result.of), term);
        for (const Row& row : *all) {
            auto steps = gives(*row.element);
            if (!steps) {
                return Refused(fmt::format("map {}: {}", name, steps.error()));
            }
            result.branches.push_back({policy::elements(row.spans, of->size()), std::move(*steps)});
        }
        return result;
    }

    static Understood<Steps> one(Understood<policy::Choice> choice) {
        return std::move(choice).map([](policy::Choice it) {
            Steps steps;
            steps.emplace_back(std::move(it));
            return steps;
        });
    }

    Understood<Steps> verdict_map() {
        return one(choice(
            it_.text("set"), *operand("sreg"), [&](const Node& element) -> Understood<Steps> {
                const Node* data = element.node("data");
                const Node* given = data == nullptr ? nullptr : data->node("verdict");
                if (given == nullptr) {
                    return Refused("an element without a verdict");
                }
                const auto code = static_cast<uint32_t>(given->number("code"));
                return verdict(static_cast<int32_t>(code), given->text("chain"), table_)
                    .map([](const policy::Verdict& it) { return Steps{it}; });
            }));
    }

    Understood<Steps> by_map(const Source& map) {
        return one(
            choice(map.load.text("set"), map.key, [&](const Node& element) -> Understood<Steps> {
                const Node* data = element.node("data");
                const auto act = data == nullptr ? std::nullopt : with(map, data->bytes("value"));
                if (!act) {
                    return Refused("a value made of several sources");
                }
                return Acting(*act, rule_, table_).read();
            }));
    }

    // Acts.

    Understood<Steps> nothing() { return Steps{}; }
    Understood<Steps> words() { return Steps{policy::Act{canonical(it_), ""}}; }
    Understood<Steps> proxy() { return proxied(canonical(it_)); }
    Understood<Steps> drawn() { return passes(canonical(it_), ""); }

    Understood<Steps> limit() { return passes(limit_words(it_), ""); }

    // As nft prints it.  The unit is in seconds; bursts and rates are of packets or of bytes.
    static std::string limit_words(const Node& limit) {
        const auto unit = word(
            limit.number("unit"),
            {{1, "second"}, {60, "minute"}, {3'600, "hour"}, {86'400, "day"}, {604'800, "week"}});
        const uint64_t flags = limit.number("flags");
        if (unit.empty() || limit.number("type") > 1 || flags > 1) {
            return canonical(limit);
        }
        const std::string_view of = limit.number("type") == 0 ? "packets" : "bytes";
        return fmt::format("limit rate {}{}{}/{} burst {} {}", flags == 1 ? "over " : "",
                           limit.number("rate"), limit.number("type") == 0 ? "" : " bytes", unit,
                           limit.number("burst"), of);
    }

    static Steps passes(std::string name, std::string instance) {
        return Steps{
            policy::is(field::named(Where::drawn, std::move(name), 1, std::move(instance)), 1)};
    }

    Understood<Steps> reject() {
        const uint64_t code = it_.number("icmp_code");
        std::string how;
        if (it_.number("type") == 1) {
            how = "tcp reset";
        } else if (it_.number("type") == 2) {
            const auto name = word(code, {{0, "no-route"},
                                          {1, "port-unreachable"},
                                          {2, "host-unreachable"},
                                          {3, "admin-prohibited"}});
            how = name.empty() ? "" : fmt::format("icmpx {}", name);
        } else if (table_.context.network == Where::ip6) {
            const auto name = word(code, {{0, "no-route"},
                                          {1, "admin-prohibited"},
                                          {3, "addr-unreachable"},
                                          {4, "port-unreachable"},
                                          {5, "policy-fail"},
                                          {6, "reject-route"}});
            how = name.empty() ? "" : fmt::format("icmpv6 {}", name);
        } else if (table_.context.network == Where::ip4) {
            const auto name = word(code, {{0, "net-unreachable"},
                                          {1, "host-unreachable"},
                                          {2, "prot-unreachable"},
                                          {3, "port-unreachable"},
                                          {9, "net-prohibited"},
                                          {10, "host-prohibited"},
                                          {13, "admin-prohibited"}});
            how = name.empty() ? "" : fmt::format("icmp {}", name);
        }
        if (how.empty()) {
            return Refused(fmt::format("{} of an unknown kind", canonical(it_)));
        }
        return Steps{policy::Verdict{policy::Verdict::Kind::reject, how, 0}};
    }

    Understood<Steps> queue() {
        if (operand("sreg_qnum") != nullptr) {
            return Refused("a queue that is calculated");
        }
        const uint64_t first = it_.number("num");
        const uint64_t total = std::max<uint64_t>(it_.number("total", 1), 1);
        const uint64_t flags = it_.number("flags");
        return Steps{policy::Verdict{
            policy::Verdict::Kind::hand_over,
            fmt::format("queue num {}{}{}{}", first,
                        total > 1 ? fmt::format("-{}", first + total - 1) : "",
                        (flags & 1) != 0 ? " bypass" : "", (flags & 2) != 0 ? " fanout" : ""),
            0}};
    }

    Understood<Steps> notrack() {
        constexpr WideNumber untracked = 64;
        return Steps{policy::Store{field::ct_state(), {.from = {}, .flip = untracked}}};
    }

    // Translation.

    std::string nat_flags() const {
        static constexpr std::array<std::pair<uint64_t, std::string_view>, 5> names = {
            {{4, "random"},
             {8, "persistent"},
             {16, "fully-random"},
             {32, "offset"},
             {64, "netmap"}}};
        std::string text;
        for (const auto& [bit, name] : names) {
            if ((it_.number("flags") & bit) != 0) {
                text += (text.empty() ? "" : ",") + std::string(name);
            }
        }
        return text;
    }

    // None: it is kept.
    Understood<std::optional<policy::Span>> range(std::string_view min, std::string_view max,
                                                  Meant meant) {
        const Word* first = operand(min);
        const Word* last = operand(max) == nullptr ? first : operand(max);
        if (first == nullptr) {
            return std::nullopt;
        }
        const auto from = constant(*first);
        const auto to = constant(*last);
        if (!from || !to) {
            return Refused("a translation that is calculated from the packet");
        }
        if (meant == Meant::number) {
            return policy::Span{number(*from, false), number(*to, false)};
        }
        Piece piece;
        piece.count = from->size();
        piece.mask = ~WideNumber{0};
        piece.meant = meant;
        piece.little = meant == Meant::index && table_.context.host->little_endian;
        return span(piece, *from, *to, table_.context).map([](policy::Span it) {
            return std::optional(it);
        });
    }

    Understood<Steps> translate(policy::Nat::Kind kind, Meant meant) {
        policy::Nat nat;
        nat.kind = kind;
        nat.ip6 = meant == Meant::address6;
        const auto address = range("reg_addr_min", "reg_addr_max", meant);
        const auto port = range("reg_proto_min", "reg_proto_max", Meant::number);
        if (!address || !port) {
            return Refused((address ? port : address).error());
        }
        nat.address = *address;
        nat.port = *port;
        nat.flags = nat_flags();
        return Steps{nat};
    }

    Understood<Steps> nat() {
        return translate(
            it_.number("type") == 0 ? policy::Nat::Kind::source : policy::Nat::Kind::destination,
            it_.number("family") == 2 ? Meant::address4 : Meant::address6);
    }
    Understood<Steps> masquerade() {
        return translate(policy::Nat::Kind::masquerade, Meant::number);
    }
    Understood<Steps> redirect() { return translate(policy::Nat::Kind::redirect, Meant::number); }

    // What is written.

    // host_order: the number lies in the host's own order.
    Understood<Steps> store(const Field& into, bool host_order) {
        const Word& word = *operand("sreg");
        const bool little = host_order && table_.context.host->little_endian;
        if (const auto bytes = constant(word)) {
            return Steps{policy::Store{into, {.from = {}, .flip = number(*bytes, little)}}};
        }
        const auto of = pieces(word, rule_.sources, table_.context);
        if (!of) {
            return Refused(of.error());
        }
        if (of->size() != 1 || (*of)[0].count != word.size() || (*of)[0].missing != 0 ||
            (*of)[0].meant != Meant::number || (*of)[0].little != little ||
            (*of)[0].field.width != into.width) {
            return Refused(fmt::format("{} set from a part of something", policy::text(into)));
        }
        return Steps{policy::Store{
            into, {.from = (*of)[0].field, .mask = (*of)[0].mask, .flip = (*of)[0].flip}}};
    }

    Understood<Steps> set_meta() {
        const uint64_t key = it_.number("key");
        if (key == 3) {
            return store(field::mark(), true);
        }
        const auto name = word(key, {{2, "priority"}, {12, "nftrace"}, {19, "pkttype"}});
        return name.empty()
                   ? Refused(fmt::format("meta key {} is written", key))
                   : store(field::named(Where::other, fmt::format("meta {}", name),
                                        static_cast<unsigned>(operand("sreg")->size()) * 8),
                           true);
    }

    Understood<Steps> set_ct() {
        switch (it_.number("key")) {
            case 3:
                return store(field::ct_mark(), true);
            case 13:
                return store(field::ct_label(), false);
            case 17:
                return it_.find("direction") == nullptr ? store(field::ct_zone(), true)
                                                        : Refused("a zone of one direction");
            case 18:
                return store(field::named(Where::other, "ct eventmask", 32), true);
            default:
                return Refused(fmt::format("ct key {} is written", it_.number("key")));
        }
    }

    // What stands in the header afterwards: constants, or the same bytes changed in part ("ip dscp
    // set cs1" writes two bytes of which it keeps ten bits).
    Understood<Steps> rewrite() {
        const Word& word = *operand("sreg");
        Word target;
        for (size_t i = 0; i < it_.number("len"); ++i) {
            target.push_back({0, static_cast<uint16_t>(it_.number("offset") + i), 0xff, 0});
        }
        const auto into = pieces(target, {Source{"", 0, it_, {}}}, table_.context);
        if (!into) {
            return Refused(into.error());
        }
        const auto bytes = constant(word);
        return bytes ? write(*into, *bytes) : change(*into, word);
    }

    Understood<Steps> write(const std::vector<Piece>& into, const Bytes& bytes) {
        Steps steps;
        for (const Piece& piece : into) {
            const auto value = span(piece, bytes, bytes, table_.context);
            if (!value || piece.missing != 0) {
                return Refused(value ? "a part of an address is written" : value.error());
            }
            steps.emplace_back(policy::Store{piece.field, {.from = {}, .flip = value->first}});
        }
        return steps;
    }

    Understood<Steps> change(const std::vector<Piece>& into, const Word& word) {
        const auto had = pieces(word, rule_.sources, table_.context);
        if (!had) {
            return Refused(had.error());
        }
        const bool same = std::equal(had->begin(), had->end(), into.begin(), into.end(),
                                     [](const Piece& a, const Piece& b) {
                                         return a.first == b.first && a.count == b.count &&
                                                a.field == b.field && a.meant == Meant::number;
                                     });
        if (!same) {
            return Refused("a header field that is calculated from another one");
        }
        Steps steps;
        for (const Piece& it : *had) {
            const WideNumber all = (WideNumber{1} << it.field.width) - 1;
            if (it.mask != all || it.flip != 0) {
                steps.emplace_back(
                    policy::Store{it.field, {.from = it.field, .mask = it.mask, .flip = it.flip}});
            }
        }
        return steps;
    }

    // The kernel lowers the size and never raises it, so that what stands there afterwards is no
    // plain value.
    Understood<Steps> lower_segment_size() {
        const Word* value = operand("sreg");
        if (!is_segment_size(it_) || value == nullptr) {
            return Refused(fmt::format("{} has no meaning here", canonical(it_)));
        }
        std::string to;
        if (const auto bytes = constant(*value)) {
            to = fmt::format("{}", static_cast<uint64_t>(number(*bytes, false)));
        } else {
            const auto of = pieces(*value, rule_.sources, table_.context);
            if (!of || of->size() != 1 || (*of)[0].missing != 0) {
                return Refused(of ? "a segment size of several values" : of.error());
            }
            to = fmt::format("{}&{}", policy::text((*of)[0].field),
                             policy::text((*of)[0].field, (*of)[0].mask));
        }
        return Steps{
            policy::Act{fmt::format("{} at most {}", segment_size, to), std::string(segment_size)}};
    }

    // " to 10.0.0.9 device eth1".
    Understood<std::string> destination(uint64_t family) {
        const Meant meant = family == 10 ? Meant::address6 : Meant::address4;
        const auto address = range("sreg_addr", "sreg_addr", meant);
        const auto device = range("sreg_dev", "sreg_dev", Meant::index);
        if (!address || !device) {
            return Refused((address ? device : address).error());
        }
        std::string words = *address ? " to " + shown((*address)->first, meant) : "";
        words += *device ? fmt::format(" device \"{}\"", policy::from_name((*device)->first)) : "";
        return words;
    }

    Understood<Steps> copy() {
        const auto to = destination(table_.context.network == Where::ip6 ? 10 : 2);
        return to ? Understood<Steps>(Steps{policy::Act{"dup" + *to, ""}}) : Refused(to.error());
    }

    // Ends the rule of what is not of the address's family (Linux, net/netfilter/nft_fwd_netdev.c).
    Understood<Steps> forward() {
        const uint64_t family = it_.number("nfproto");
        const auto to = destination(family);
        if (!to) {
            return Refused(to.error());
        }
        Steps steps;
        if (operand("sreg_addr") != nullptr) {
            steps.emplace_back(policy::is(field::protocol(), family == 10 ? 0x86dd : 0x0800));
        }
        steps.emplace_back(policy::Verdict{policy::Verdict::Kind::hand_over, "fwd" + *to, 0});
        return steps;
    }

    // Takes what has SYN or ACK; other packets of TCP go on, and all others end the rule (Linux,
    // net/netfilter/nft_synproxy.c).
    static Steps proxied(const std::string& words) {
        constexpr WideNumber tcp = 6;
        constexpr WideNumber syn = 2;
        constexpr WideNumber ack = 16;
        policy::Choice choice{{{field::tcp_flags(), syn | ack}}, {}};
        choice.branches.push_back(
            {policy::elements({{syn, syn}, {ack, ack}, {syn | ack, syn | ack}}),
             {policy::Verdict{policy::Verdict::Kind::hand_over, words, 0}}});
        choice.branches.push_back({policy::elements({{0, 0}}), {}});
        return Steps{policy::is(field::transport_protocol(), tcp), std::move(choice)};
    }

    // Ends the rule where no socket takes the packet.
    Understood<Steps> tproxy() {
        const uint64_t family = it_.number("family");
        const Meant meant = family == 10 ? Meant::address6 : Meant::address4;
        const auto address = range("reg_addr", "reg_addr", meant);
        const auto port = range("reg_port", "reg_port", Meant::number);
        if (!address || !port) {
            return Refused((address ? port : address).error());
        }
        std::string words = "tproxy";
        words += *address ? " to " + shown((*address)->first, meant) : "";
        words += *port ? fmt::format(" port {}", static_cast<uint64_t>((*port)->first)) : "";
        Steps steps{policy::is(
            field::named(Where::opaque, fmt::format("{} family {}", words, family), 1), 1)};
        steps.emplace_back(policy::Act{words, ""});
        return steps;
    }

    static std::string shown(WideNumber address, Meant meant) {
        return policy::text(
            meant == Meant::address6 ? field::ip6_destination() : field::ip4_destination(),
            address);
    }

    // Adds to a set, unless it is full or what stands with it says no; both end the rule.
    Understood<Steps> update() {
        const auto of = pieces(*operand("sreg_key"), rule_.sources, table_.context);
        const Word* data = operand("sreg_data");
        if (!of || data != nullptr) {
            return Refused(of ? "a map that rules add to" : of.error());
        }
        const std::string name = it_.text("set");
        const Set* set = table_.sets.find(name);
        if (set == nullptr) {
            return Refused(fmt::format("set {}, which is not there", in_quotes(name)));
        }
        Node plain = it_;
        std::erase_if(plain.attributes, [](const Attribute& it) { return it.name == "set"; });
        std::string words = fmt::format("{} {}", canonical(plain), words_of_dynamic(table_, *set));
        for (const Piece& piece : *of) {
            words += fmt::format(" {}&{}", policy::text(piece.field),
                                 policy::text(piece.field, term(piece).mask));
        }
        const std::string instance = instance_of(table_, name);
        Steps steps = passes(words, instance);
        steps.emplace_back(policy::Act{words, instance});
        return steps;
    }

    Understood<Steps> object() {
        const std::string name = it_.text("imm_name");
        constexpr uint64_t counter = 1;
        constexpr uint64_t quota = 2;
        constexpr uint64_t helper = 3;
        constexpr uint64_t limit = 4;
        constexpr uint64_t synproxy = 10;
        const uint64_t type = it_.number("imm_type");
        const auto found = std::find_if(
            table_.table.objects.begin(), table_.table.objects.end(), [&](const Part& object) {
                return object.node.text("name") == name && object.node.number("type") == type;
            });
        if (found == table_.table.objects.end() || found->node.node("data") == nullptr) {
            return Refused(fmt::format("object {}, which is not there", in_quotes(name)));
        }
        const std::string words = canonical(*found->node.node("data"));
        switch (type) {
            case counter:
                return Steps{};
            case quota:
            case limit:
                return passes(words, instance_of(table_, name));
            case helper:
                return Steps{policy::Act{words, ""}};
            case synproxy:
                return proxied(words);
            default:
                return Refused(fmt::format("an object of type {}", type));
        }
    }

    const Act& act_;
    const Node& it_;
    const NormalRule& rule_;
    TableContext& table_;
};

}  // namespace

Understood<Steps> act_steps(const Act& act, const NormalRule& rule, TableContext& table) {
    return Acting(act, rule, table).read();
}

}  // namespace rehome::lbsync::kernel
