#include "lbsync/proof/example.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "lbsync/proof/values.h"

namespace rehome::lbsync::proof {

using policy::Field;
using Source = Field::Source;

namespace {

// Takes from the set what has the value, where it has such.
void prefer(PacketSet& set, const PacketSet& wish) {
    PacketSet wished = set & wish;
    if (!wished.empty()) {
        set = std::move(wished);
    }
}

struct Wish {
    Field field;
    WideNumber value;
};

// An ordinary packet of documentation's addresses (RFC 5737, RFC 3849).
std::vector<Wish> wishes() {
    using namespace policy::field;
    const auto address = [](const char* text) { return policy::as_number(*Address::parse(text)); };
    return {{ct_state(), 8},
            {transport_protocol(), 6},
            {ip6_next_header(), 6},
            {ip4_source(), address("198.51.100.7")},
            {ip4_destination(), address("203.0.113.5")},
            {ip6_source(), address("2001:db8:100::7")},
            {ip6_destination(), address("2001:db8:200::5")},
            {source_port(), 40000},
            {destination_port(), 14000},
            {tcp_flags(), 2},
            {ip4_ttl(), 64},
            {ip6_hop_limit(), 64}};
}

void prefer_value(Space& space, PacketSet& set, const Field& field, WideNumber value) {
    for (unsigned i = 0; i < field.width; ++i) {
        const Bit bit = {field.source, 0, field.offset + i};
        const auto variable = space.variables().find(bit);
        if (variable != space.variables().end()) {
            const bool wish = (value >> (field.width - 1 - i) & 1) != 0;
            prefer(set, PacketSet::variable(variable->second, wish));
        }
    }
}

// All bits of one value at once, or none.
PacketSet exactly(Space& space, const Field& field, WideNumber value) {
    PacketSet all = PacketSet::all();
    for (unsigned i = 0; i < field.width; ++i) {
        const auto variable = space.variables().find({field.source, 0, field.offset + i});
        if (variable != space.variables().end()) {
            const bool wish = (value >> (field.width - 1 - i) & 1) != 0;
            all = all & PacketSet::variable(variable->second, wish);
        }
    }
    return all;
}

bool is_name(WideNumber name) {
    return name != 0 && policy::as_name(policy::from_name(name)) == name;
}

// An interface that has a name, where the set has such.
void prefer_named(Space& space, PacketSet& set, Source source, const std::vector<uint64_t>& ranks) {
    for (const uint64_t rank : ranks) {
        PacketSet there = is_name(space.name_at(rank)) ? PacketSet::all() : PacketSet();
        for (unsigned i = 0; i < space.rank_bits(); ++i) {
            const bool is_set = (rank >> (space.rank_bits() - 1 - i) & 1) != 0;
            there = there & PacketSet::variable(space.variable({source, 0, i}), is_set);
        }
        if (!(set & there).empty()) {
            set = set & there;
            return;
        }
    }
}

WideNumber interface_of(const Space& space, const Packet& packet, Source source) {
    uint64_t rank = 0;
    for (unsigned i = 0; i < space.rank_bits(); ++i) {
        const auto bit = packet.bits.find({source, 0, i});
        rank = rank << 1 | (bit != packet.bits.end() && bit->second ? 1 : 0);
    }
    return space.name_at(rank);
}

}  // namespace

Packet example(Space& space, PacketSet set, const Outcome& outcome) {
    using namespace policy::field;
    for (const WideNumber state : {8, 2, 4, 64, 1}) {
        prefer(set, exactly(space, ct_state(), state));
    }
    for (const auto& [bit, variable] : space.variables()) {
        if (space.name_of(bit.name) == "readable") {
            prefer(set, PacketSet::variable(variable));
        }
    }
    const WideNumber icmp = outcome.frame == Frame::ip6 ? 58 : 1;
    for (const WideNumber protocol : {WideNumber{6}, WideNumber{17}, icmp}) {
        prefer(set, exactly(space, transport_protocol(), protocol));
    }
    for (const Wish& wish : wishes()) {
        prefer_value(space, set, wish.field, wish.value);
    }
    std::vector<uint64_t> ranks(space.ranks());
    std::iota(ranks.begin(), ranks.end(), 0);
    prefer_named(space, set, Source::in_interface, ranks);
    std::reverse(ranks.begin(), ranks.end());  // out of another one
    prefer_named(space, set, Source::out_interface, ranks);
    Packet packet{outcome.frame, outcome.bridged, outcome.way, 0, 0, {}};
    for (const auto& [bit, variable] : space.variables()) {
        prefer(set, PacketSet::variable(variable, false));
        packet.bits[bit] = set.fixes(variable, true);
    }
    for (const Wish& wish : wishes()) {  // what no rule looks at
        for (unsigned i = 0; i < wish.field.width; ++i) {
            packet.bits.try_emplace({wish.field.source, 0, wish.field.offset + i},
                                    (wish.value >> (wish.field.width - 1 - i) & 1) != 0);
        }
    }
    packet.in_interface = interface_of(space, packet, Source::in_interface);
    packet.out_interface = interface_of(space, packet, Source::out_interface);
    return packet;
}

namespace {

class Words {
public:
    Words(const Packet& packet, const Space& space) : packet_(packet), space_(space) {}

    std::string all() {
        if (packet_.frame <= Frame::ip6) {
            ip();
        } else {
            text_ = packet_.frame == Frame::arp ? "arp" : "no IP packet";
        }
        brackets();
        return text_;
    }

private:
    WideNumber value(const Field& field) const {
        WideNumber value = 0;
        for (unsigned i = 0; i < field.width; ++i) {
            const auto bit = packet_.bits.find({field.source, 0, field.offset + i});
            value = value << 1 | (bit != packet_.bits.end() && bit->second ? 1 : 0);
        }
        return value;
    }

    bool has_bit(const Field& field) const {
        return space_.variables().contains({field.source, 0, field.offset});
    }

    std::string end(const Field& address, const Field& port, bool ports) const {
        std::string host = policy::text(address, value(address));
        if (!ports) {
            return host;
        }
        const auto number = static_cast<unsigned>(value(port));
        return packet_.frame == Frame::ip6 ? fmt::format("[{}]:{}", host, number)
                                           : fmt::format("{}:{}", host, number);
    }

    void ip() {
        using namespace policy::field;
        const auto protocol = static_cast<unsigned>(value(transport_protocol()));
        const bool ip6 = packet_.frame == Frame::ip6;
        const bool icmp = protocol == (ip6 ? 58U : 1U);
        const bool ports = protocol == 6 || protocol == 17;
        const std::string name = protocol == 6    ? "tcp"
                                 : protocol == 17 ? "udp"
                                 : icmp           ? "icmp"
                                                  : fmt::format("proto {}", protocol);
        text_ = fmt::format(
            "{} {} > {}", name, end(ip6 ? ip6_source() : ip4_source(), source_port(), ports),
            end(ip6 ? ip6_destination() : ip4_destination(), destination_port(), ports));
        if (protocol == 6) {
            flags(static_cast<unsigned>(value(tcp_flags())));
        }
        if (icmp) {
            text_ += fmt::format(" type {} code {}", static_cast<unsigned>(value(icmp_type())),
                                 static_cast<unsigned>(value(icmp_code())));
        }
    }

    void flags(unsigned set) {
        constexpr std::string_view names[] = {"fin", "syn", "rst", "psh",
                                              "ack", "urg", "ece", "cwr"};
        for (size_t i = 0; i < std::size(names); ++i) {
            text_ += (set >> i & 1) != 0 ? " " + std::string(names[i]) : "";
        }
    }

    // What the language of packets has no words for.
    void brackets() {
        std::vector<std::string> parts{packet_.way};
        if (packet_.way != "sent") {
            interface("in", packet_.in_interface, parts);
        }
        if (packet_.way != "let in") {
            interface("out", packet_.out_interface, parts);
        }
        state(parts);
        for (const Field& field : {policy::field::mark(), policy::field::ct_mark()}) {
            if (value(field) != 0) {
                parts.push_back(policy::text(field) + " " + policy::text(field, value(field)));
            }
        }
        named(parts);
        text_ += " [";
        for (size_t i = 0; i < parts.size(); ++i) {
            text_ += (i == 0 ? "" : ", ") + parts[i];
        }
        text_ += "]";
    }

    // name: one that a rule asks for, or the first of those between two of them.
    void interface(const char* way, WideNumber name, std::vector<std::string>& parts) const {
        if (is_name(name)) {
            parts.push_back(fmt::format("{} \"{}\"", way, policy::from_name(name)));
        } else if (space_.names_interfaces()) {
            parts.push_back(fmt::format("{} another interface", way));
        }
    }

    void state(std::vector<std::string>& parts) const {
        constexpr std::pair<unsigned, std::string_view> states[] = {
            {1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}};
        const auto set = static_cast<unsigned>(value(policy::field::ct_state()));
        for (const auto& [bit, name] : states) {
            if (set == bit && packet_.frame <= Frame::ip6) {
                parts.push_back("ct state " + std::string(name));
            }
        }
    }

    // What is no header, by name: the bits that were asked for, those left of the field first.
    struct Named {
        WideNumber value = 0;
        unsigned bits = 0;
    };

    std::map<std::pair<Source, unsigned>, Named> all_named() const {
        std::map<std::pair<Source, unsigned>, Named> all;
        for (const auto& [bit, number] : space_.variables()) {
            if (bit.source < Source::other) {
                continue;
            }
            Named& named = all[{bit.source, bit.name}];
            named.value = named.value << (bit.index + 1 - named.bits);
            named.value |= packet_.bits.at(bit) ? 1 : 0;
            named.bits = bit.index + 1;
        }
        return all;
    }

    static std::string words(const std::string& name, const Named& named) {
        if (named.bits == 1) {
            return "where \"" + name + "\" says yes";
        }
        const unsigned whole = (named.bits + 7) / 8 * 8;  // what was not asked for is 0
        const WideNumber value = named.value << (whole - named.bits);
        return fmt::format("where \"{}\" is {}", name,
                           whole == 32 && name.ends_with("addr")
                               ? Address::v4(static_cast<uint32_t>(value)).text()
                               : policy::text(Field{}, value));
    }

    void named(std::vector<std::string>& parts) const {
        for (const auto& [key, named] : all_named()) {
            if (named.value != 0) {
                parts.push_back(words(Unknowns::asked(space_.name_of(key.second)), named));
            }
        }
        for (const auto& [bit, number] : space_.variables()) {
            if (bit.source == Source::transport && space_.name_of(bit.name) == "readable" &&
                !packet_.bits.at(bit)) {
                parts.emplace_back("a later fragment, or cut short");
                break;
            }
        }
    }

    const Packet& packet_;
    const Space& space_;
    std::string text_;
};

}  // namespace

std::string text(const Packet& packet, const Space& space) {
    return Words(packet, space).all();
}

}  // namespace rehome::lbsync::proof
