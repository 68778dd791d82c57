#include "lbsync/proof/space.h"

#include <algorithm>
#include <bit>

#include "lbsync/policy/field.h"

namespace rehome::lbsync::proof {

using policy::Elements;
using policy::Field;
using policy::Policy;
using policy::Step;
using policy::Term;

namespace {

using Source = Field::Source;

bool is_interface(Source source) {
    return source == Source::in_interface || source == Source::out_interface;
}

// Above in the order: what splits a policy into large parts.  Addresses and ports of one family
// stand together, each with its highest bit first.
unsigned level(const Bit& bit) {
    switch (bit.source) {
        case Source::in_interface:
            return 0;
        case Source::out_interface:
            return 1;
        case Source::ct_state:
            return 2;
        case Source::ct_direction:
            return 3;
        case Source::transport_protocol:
            return 4;
        case Source::ip4:
            return bit.index < 96 ? 9 : bit.index < 128 ? 6 : 5;
        case Source::ip6:
            return bit.index < 64 ? 9 : bit.index < 192 ? 6 : 5;
        case Source::transport:
            return bit.index < 16 ? 8 : bit.index < 32 ? 7 : 9;
        case Source::mark:
        case Source::ct_mark:
            return 11;
        default:
            return 10;
    }
}

// Marks that are copied to each other stand bit beside bit: to compare two numbers that stand one
// below the other takes a diagram of exponential size.
unsigned beside(const Bit& bit) {
    return bit.source == Source::mark || bit.source == Source::ct_mark ? bit.index : 0;
}

}  // namespace

std::string_view name(Frame frame) {
    constexpr std::string_view names[] = {"IPv4", "IPv6", "ARP", "other"};
    return names[static_cast<size_t>(frame)];
}

Space::Space(Diagrams& diagrams, std::span<const Policy* const> policies) : diagrams_(diagrams) {
    cuts_ = {0, 1};  // no interface, any interface
    for (const unsigned value_bit : {0U, 1U, 2U, 3U, 6U}) {
        wanted_.insert({Source::ct_state, 0, 31 - value_bit});
    }
    for (unsigned i = 0; i < 8; ++i) {
        wanted_.insert({Source::transport_protocol, 0, i});
    }
    for (const Policy* policy : policies) {
        collect(*policy);
    }
    allocate();
}

unsigned Space::name_id(const std::string& name) {
    const auto [found, added] = ids_.emplace(name, static_cast<unsigned>(names_.size()));
    if (added) {
        names_.push_back(name);
    }
    return found->second;
}

void Space::collect(const Policy& policy) {
    for (const policy::Chain& chain : policy.chains) {
        if (chain.hook) {
            for (const std::string& device : chain.hook->devices) {
                const WideNumber name = policy::as_name(device);
                cuts_.insert(cuts_.end(), {name, name + 1});
            }
        }
        for (const policy::Rule& rule : chain.rules) {
            collect(rule.steps);
        }
    }
}

void Space::collect(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
        if (const auto* test = std::get_if<policy::Test>(&step)) {
            cut(*test->in, test->of);
        } else if (const auto* store = std::get_if<policy::Store>(&step)) {
            collect(Term{store->into});
            if (store->value.from) {
                collect(Term{*store->value.from});
            }
        } else if (const auto* choice = std::get_if<policy::Choice>(&step)) {
            for (const auto& branch : choice->branches) {
                cut(*branch.in, choice->of);
                collect(branch.steps);
            }
        }
    }
}

void Space::cut(const Elements& elements, const std::vector<Term>& terms) {
    for (size_t column = 0; column < terms.size(); ++column) {
        collect(terms[column]);
        if (!is_interface(terms[column].field.source)) {
            continue;
        }
        for (size_t i = column; i < elements.spans.size(); i += elements.columns) {
            cuts_.push_back(elements.spans[i].first);
            if (elements.spans[i].last != ~WideNumber{0}) {
                cuts_.push_back(elements.spans[i].last + 1);
            }
        }
    }
}

void Space::collect(const Term& term) {
    const Field& field = term.field;
    if (field.source == Source::link || field.source == Source::transport) {
        readable_[field.source].push_back((field.offset + field.width + 7U) / 8U);
    }
    if (is_interface(field.source) || field.source >= Source::other) {
        return;  // numbered, or found on the way
    }
    for (unsigned i = 0; i < field.width; ++i) {
        if ((term.mask >> (field.width - 1 - i) & 1) != 0) {
            wanted_.insert({field.source, 0, field.offset + i});
        }
    }
}

void Space::allocate() {
    std::sort(cuts_.begin(), cuts_.end());
    cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
    rank_bits_ = std::max(1U, static_cast<unsigned>(std::bit_width(cuts_.size() - 1)));
    for (unsigned i = 0; i < rank_bits_; ++i) {
        wanted_.insert({Source::in_interface, 0, i});
        wanted_.insert({Source::out_interface, 0, i});
    }
    for (auto& [header, bytes] : readable_) {
        std::sort(bytes.begin(), bytes.end());
        bytes.erase(std::unique(bytes.begin(), bytes.end()), bytes.end());
        for (const unsigned count : bytes) {
            wanted_.insert(readable(header, count));
        }
    }
    std::vector<Bit> in_order(wanted_.begin(), wanted_.end());
    std::sort(in_order.begin(), in_order.end(), [](const Bit& a, const Bit& b) {
        return std::tuple(level(a), beside(a), a) < std::tuple(level(b), beside(b), b);
    });
    for (const Bit& bit : in_order) {
        variable(bit);
    }
}

int Space::variable(const Bit& bit) {
    const auto found = variables_.find(bit);
    if (found != variables_.end()) {
        return found->second;
    }
    const int number = diagrams_.new_variables(1);
    variables_.emplace(bit, number);
    return number;
}

Bit Space::resolved(Bit bit, Frame frame) {
    constexpr unsigned ip4_protocol = 72;
    if (frame == Frame::ip4 && bit.source == Source::ip4 && bit.index >= ip4_protocol &&
        bit.index < ip4_protocol + 8) {
        return {Source::transport_protocol, bit.name, bit.index - ip4_protocol};
    }
    return bit;
}

Bit Space::readable(Source header, unsigned bytes) {
    return {header, name_id("readable"), bytes};
}

uint64_t Space::rank(WideNumber name) const {
    const auto after = std::upper_bound(cuts_.begin(), cuts_.end(), name);
    return static_cast<uint64_t>(after - cuts_.begin()) - 1;
}

// Exactly one of the five.
PacketSet Space::one_state() {
    PacketSet any;
    for (const unsigned state : {0U, 1U, 2U, 3U, 6U}) {
        PacketSet only = PacketSet::all();
        for (const unsigned other : {0U, 1U, 2U, 3U, 6U}) {
            const PacketSet set = bit(Source::ct_state, 31 - other);
            only = state == other ? only & set : only - set;
        }
        any = any | only;
    }
    return any;
}

PacketSet Space::whole_number(Source source, unsigned first, unsigned width, uint64_t value) {
    PacketSet same = PacketSet::all();
    for (unsigned i = 0; i < width; ++i) {
        const PacketSet set = bit(source, first + i);
        same = (value >> (width - 1 - i) & 1) != 0 ? same & set : same - set;
    }
    return same;
}

PacketSet Space::known_name(Source source) {
    PacketSet known;
    for (uint64_t i = 0; i < cuts_.size(); ++i) {
        known = known | whole_number(source, 0, rank_bits_, i);
    }
    return known;
}

PacketSet Space::headers(Frame frame) {
    PacketSet can_be = PacketSet::all();
    for (const auto& [header, bytes] : readable_) {
        for (size_t i = 1; i < bytes.size(); ++i) {
            const auto more = PacketSet::variable(variable(readable(header, bytes[i])));
            const auto less = PacketSet::variable(variable(readable(header, bytes[i - 1])));
            can_be = can_be - (more - less);
        }
    }
    constexpr unsigned fragment_offset = 51;  // 13 bits
    const auto transport = readable_.find(Source::transport);
    if (frame == Frame::ip4 && transport != readable_.end()) {
        const auto some =
            PacketSet::variable(variable(readable(Source::transport, transport->second.front())));
        for (unsigned i = fragment_offset; i < fragment_offset + 13; ++i) {
            can_be = has(Source::ip4, i) ? can_be - (bit(Source::ip4, i) & some) : can_be;
        }
    }
    return can_be;
}

PacketSet Space::universe(Frame frame) {
    PacketSet all = one_state() & known_name(Source::in_interface) &
                    known_name(Source::out_interface) & headers(frame);
    constexpr unsigned next_header = 48;
    if (frame == Frame::ip6 && has(Source::ip6, next_header)) {
        // RFC 8200 4.1; what is no extension header is the transport protocol.
        PacketSet extension;
        for (const unsigned header : {0U, 43U, 44U, 51U, 60U}) {
            extension = extension | whole_number(Source::ip6, next_header, 8, header);
        }
        PacketSet same = PacketSet::all();
        for (unsigned i = 0; i < 8; ++i) {
            same = same - (bit(Source::ip6, next_header + i) ^ bit(Source::transport_protocol, i));
        }
        all = all & (extension | same);
    }
    if (has(Source::ct_direction, 7)) {
        all = all - (bit(Source::ct_state, 31 - 3) & bit(Source::ct_direction, 7));
    }
    return all;
}

}  // namespace rehome::lbsync::proof
