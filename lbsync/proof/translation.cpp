#include "lbsync/proof/translation.h"

namespace rehome::lbsync::proof {

using policy::Field;
using policy::Nat;
using policy::Span;

namespace {

bool chosen_by_kernel(const Nat& nat) {
    return nat.kind == Nat::Kind::masquerade || nat.kind == Nat::Kind::redirect;
}

class Headers {
public:
    Headers(Space& space, const Values& values, Frame frame, bool destination, State& state)
        : space_(space),
          values_(values),
          ip6_(frame == Frame::ip6),
          destination_(destination),
          state_(state),
          later_(values.connected(state) - values.in_state(state, 3)) {}

    void all() {
        using namespace policy::field;
        const Field address = destination_ ? (ip6_ ? ip6_destination() : ip4_destination())
                                           : (ip6_ ? ip6_source() : ip4_source());
        write(address, false);
        write(destination_ ? destination_port() : source_port(), true);
        state_.translations.clear();
    }

private:
    // Only bits that some rule looks at.
    void write(const Field& field, bool port) {
        for (unsigned i = 0; i < field.width; ++i) {
            const Bit bit = bit_of(field, 0, i);
            if (!space_.variables().contains(bit)) {
                continue;
            }
            PacketSet now = values_.bit(state_, bit);
            for (const auto& [packets, nat] : state_.translations) {
                now = PacketSet::choose(packets, target(nat, field, i, port, now), now);
            }
            const Bit unknown{bit.source, space_.name_id("translated " + state_.at), bit.index};
            const PacketSet translated = PacketSet::variable(space_.variable(unknown));
            state_.contents.change(bit, PacketSet::choose(later_, translated, now));
        }
    }

    PacketSet target(const Nat& nat, const Field& field, unsigned i, bool port,
                     const PacketSet& now) {
        const std::optional<Span>& span = port ? nat.port : nat.address;
        if (!span && (port || !chosen_by_kernel(nat))) {
            return now;
        }
        if (span && span->first == span->last) {
            return (span->first >> (field.width - 1 - i) & 1) != 0 ? PacketSet::all() : PacketSet();
        }
        const Bit chosen{field.source, space_.name_id("chosen by " + policy::words(nat)),
                         field.offset + i};
        return PacketSet::variable(space_.variable(chosen));
    }

    Space& space_;
    const Values& values_;
    bool ip6_;
    bool destination_;
    State& state_;
    PacketSet later_;
};

}  // namespace

void translate_headers(Space& space, const Values& values, Frame frame, bool destination,
                       State& state) {
    Headers(space, values, frame, destination, state).all();
}

}  // namespace rehome::lbsync::proof
