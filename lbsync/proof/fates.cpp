#include "lbsync/proof/fates.h"

namespace rehome::lbsync::proof {

void count(Acts& acts, const std::string& words, PacketSet packets) {
    for (unsigned n = 0; !packets.empty(); ++n) {
        PacketSet& so_far = acts[{words, n}];
        PacketSet again = so_far & packets;
        so_far = so_far | packets;
        packets = std::move(again);
    }
}

Fates Fates::within(const PacketSet& packets) const {
    Fates fates{taken & packets, accepted & packets, returned & packets, {}, {}};
    for (const auto& [words, all] : ends) {
        fates.ends.emplace(words, all & packets);
    }
    for (const auto& [words, all] : acts) {
        fates.acts.emplace(words, all & packets);
    }
    return fates;
}

void Fates::add(const Fates& others) {
    taken = taken | others.taken;
    accepted = accepted | others.accepted;
    returned = returned | others.returned;
    for (const auto& [words, packets] : others.ends) {
        PacketSet& own = ends[words];
        own = own | packets;
    }
    for (const auto& [words_and_before, packets] : others.acts) {
        count(acts, words_and_before.first, packets);
    }
}

void Fates::then(const Fates& others) {
    accepted = PacketSet::choose(taken, accepted, others.accepted);
    returned = PacketSet::choose(taken, returned, others.returned);
    for (const auto& [words, packets] : others.ends) {
        PacketSet& own = ends[words];
        own = PacketSet::choose(taken, own, packets);
    }
    for (const auto& [words_and_before, packets] : others.acts) {
        count(acts, words_and_before.first, packets - taken);
    }
    taken = taken | others.taken;
}

}  // namespace rehome::lbsync::proof
