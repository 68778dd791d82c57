#include "lbsync/proof/example.h"

#include <algorithm>

#include <fmt/format.h>

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
        const std::string host = policy::text(address, value(address));
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
        if (packet_.in_interface > 1) {
            parts.push_back("in \"" + policy::from_name(packet_.in_interface) + "\"");
        }
        if (packet_.out_interface > 1) {
            parts.push_back("out \"" + policy::from_name(packet_.out_interface) + "\"");
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

    // Unknowns that say yes, and headers that are cut short.
    void named(std::vector<std::string>& parts) const {
        std::string cut;
        for (const auto& [bit, number] : space_.variables()) {
            const std::string& name = space_.name_of(bit.name);
            const bool set = packet_.bits.at(bit);
            if (name == "readable" && !set && bit.source == Source::transport) {
                cut = "a later fragment, or cut short";
            } else if (bit.source >= Source::other && set) {
                parts.push_back("where \"" + name + "\" says yes");
            }
        }
        if (!cut.empty()) {
            parts.push_back(cut);
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
