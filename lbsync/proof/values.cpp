#include "lbsync/proof/values.h"

#include <atomic>

#include <fmt/format.h>

namespace rehome::lbsync::proof {

using policy::Field;
using policy::Layer;
using policy::Term;
using Source = Field::Source;

namespace {

constexpr unsigned invalid = 0;  // bits of ct_state
constexpr unsigned untracked = 6;

bool is_interface(Source source) {
    return source == Source::in_interface || source == Source::out_interface;
}

}  // namespace

Bit bit_of(const Field& field, unsigned name, unsigned position) {
    return {field.source, name, field.offset + position};
}

void Contents::know(const Known& known) {
    known_ = known;
    revision_ = new_revision();
}

void Contents::change(const Bit& bit, PacketSet to) {
    changed_.insert_or_assign(bit, std::move(to));
    revision_ = new_revision();
}

void Contents::give_back(const Bit& bit) {
    changed_.erase(bit);
    revision_ = new_revision();
}

uint64_t Contents::new_revision() {
    static std::atomic<uint64_t> last = 0;
    return ++last;
}

unsigned Unknowns::known(const PacketSet& set) {
    const auto [found, added] = numbers_.emplace(set.id(), static_cast<unsigned>(kept_.size()));
    if (added) {
        kept_.push_back(set);
    }
    return found->second;
}

std::vector<Bit> Unknowns::bits(const std::string& name, unsigned width) {
    const unsigned id = space_.name_id(name);
    std::vector<Bit> bits;
    for (unsigned i = 0; i < width; ++i) {
        bits.push_back({Source::opaque, id, i});
        space_.variable(bits.back());
    }
    return bits;
}

std::vector<Bit> Unknowns::opaque(const Field& field, const std::map<Bit, PacketSet>& changed) {
    std::string name = field.name;
    for (const auto& [bit, set] : changed) {
        name += fmt::format(" {}.{}.{}={}", static_cast<int>(bit.source), bit.name, bit.index,
                            known(set));
    }
    return bits(name, field.width);
}

std::vector<Bit> Unknowns::drawn(const Field& field, const std::string& at, const PacketSet& reach,
                                 unsigned n) {
    return bits(fmt::format("{} at {} of {} again {}", field.name, at, known(reach), n),
                field.width);
}

std::string Unknowns::asked(const std::string& name) {
    const size_t again = name.rfind(" again ");
    const size_t at = again == name.npos ? again : name.rfind(" at ", again);
    return name.substr(0, at);
}

PacketSet Values::constant_bit(uint64_t value, unsigned width, unsigned index) const {
    return (value >> (width - 1 - index) & 1) != 0 ? PacketSet::all() : PacketSet();
}

PacketSet Values::bit(const State& state, const Bit& asked) const {
    const Bit bit = Space::resolved(asked, frame_);
    const auto& changed = state.contents.changed();
    if (const auto found = changed.find(bit); found != changed.end()) {
        return found->second;
    }
    const Known& known = state.contents.known();
    constexpr uint64_t families[] = {2, 10, 3, 0};
    constexpr uint64_t ethertypes[] = {0x0800, 0x86dd, 0x0806};
    const auto frame = static_cast<size_t>(frame_);
    if ((bit.source == Source::in_interface && !known.in_interface) ||
        (bit.source == Source::out_interface && !known.out_interface)) {
        return {};  // the empty name, which has rank 0
    }
    if (bit.source == Source::family) {
        const uint64_t family = layer_ == Layer::bridge   ? 7
                                : layer_ == Layer::netdev ? 5
                                                          : families[frame];
        return constant_bit(family, 8, bit.index);
    }
    if (bit.source == Source::protocol && frame_ != Frame::other) {
        return constant_bit(ethertypes[frame], 16, bit.index);
    }
    if (bit.source == Source::ct_state && (bit.index < 25 || bit.index == 26 || bit.index == 27)) {
        return {};
    }
    if (bit.source == Source::ct_state && !known.connection) {
        return constant_bit(1U << invalid, 32, bit.index);
    }
    return PacketSet::variable(space_.variable(bit));
}

Bits Values::bits(const State& state, const Term& term, const std::vector<Bit>& unknown) const {
    const Field& field = term.field;
    const unsigned name = field.name.empty() ? 0 : space_.name_id(field.name);
    const bool interface = is_interface(field.source);
    const unsigned width = interface ? space_.rank_bits() : field.width;
    Bits result;
    for (unsigned i = 0; i < width; ++i) {
        if (!interface && (term.mask >> (width - 1 - i) & 1) == 0) {
            result.emplace_back();
        } else {
            result.emplace_back(bit(state, unknown.empty() ? bit_of(field, name, i) : unknown[i]));
        }
    }
    return result;
}

PacketSet Values::in_state(const State& state, unsigned ct_state_bit) const {
    return bit(state, {Source::ct_state, 0, 31 - ct_state_bit});
}

PacketSet Values::connected(const State& state) const {
    return state.contents.known().connection
               ? !(in_state(state, invalid) | in_state(state, untracked))
               : PacketSet();
}

PacketSet Values::holds(const State& state, const Field& field) const {
    const auto when = [](bool is_so) { return is_so ? PacketSet::all() : PacketSet(); };
    const auto readable = [&] {
        const unsigned bytes = (field.offset + field.width + 7U) / 8U;
        return PacketSet::variable(space_.variable(space_.readable(field.source, bytes)));
    };
    switch (field.source) {
        case Source::link:
            return state.contents.known().link_header ? readable() : PacketSet();
        case Source::ip4:
            return when(frame_ == Frame::ip4);
        case Source::ip6:
            return when(frame_ == Frame::ip6);
        case Source::arp:
            return when(frame_ == Frame::arp);
        case Source::transport:
            return frame_ == Frame::ip4 || frame_ == Frame::ip6 ? readable() : PacketSet();
        default:
            return of_connection(field.source) ? connected(state) : PacketSet::all();
    }
}

}  // namespace rehome::lbsync::proof
