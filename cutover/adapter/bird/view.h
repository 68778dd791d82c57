// Asks a gateway's BIRD, and the BIRD at the far side of a line where the inventory names one, what
// carriers are told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/inventory.h"
#include "cutover/adapter/bird/client.h"
#include "cutover/bird/announce_file.h"
#include "cutover/bird/view.h"

namespace rehome::cutover {

struct CarrierTarget {
    std::string name;
    std::vector<std::string> sessions;  // BIRD's BGP protocols to this carrier
    std::optional<FarBird> far;
};

struct BirdTarget {
    std::string gateway;
    std::string socket;
    std::string announce_file;
    std::vector<CarrierTarget> all;       // to which this gateway has a line
    std::vector<CarrierTarget> carriers;  // those of them that are asked for
    std::vector<Prefix> prefixes;         // those that move
};

Result<BirdView> look_at_bird(BirdClient& bird, const BirdTarget& target);

// The same of a carrier whose state in the include file is known.
Result<CarrierView> look_at_carrier(BirdClient& bird, const BirdTarget& target,
                                    const CarrierTarget& carrier, Announce stated);

// What the configuration that BIRD runs with says of it; nothing: it knows no such carrier.
Result<std::optional<Announce>> ask_running(BirdClient& bird, const std::string& carrier);

// The states that the include file holds; it must name all the target's carriers.
Result<AnnounceStates> read_announce_file(const BirdTarget& target);

}  // namespace rehome::cutover
