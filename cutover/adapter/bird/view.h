// What a gateway's BIRD tells its carriers: as its include file states it, and as its tables show
// it.
#pragma once

#include <string>
#include <vector>

#include "common/address.h"
#include "cutover/adapter/bird/client.h"
#include "cutover/bird/announce_file.h"
#include "cutover/bird/reply.h"

namespace rehome::cutover {

struct BirdTarget {
    std::string gateway;
    std::string socket;
    std::string announce_file;
    std::vector<std::string> carriers;  // those asked for; the BGP protocols have their names
    std::vector<Prefix> prefixes;       // those that move
};

struct PrefixView {
    Prefix prefix;
    Exported exported = Exported::absent;
};

struct CarrierView {
    std::string carrier;
    Announce stated = Announce::withdrawn;
    std::string session;  // BIRD's word: "Established", "Active", ...
    std::vector<PrefixView> prefixes;

    bool established() const { return session == "Established"; }
};

struct BirdView {
    bool unconfirmed = false;  // a configuration waits to be confirmed, and will be undone
    std::vector<CarrierView> carriers;
};

Result<BirdView> look_at_bird(BirdClient& bird, const BirdTarget& target);

// The states that the include file holds; it must name all the target's carriers.
Result<AnnounceStates> read_announce_file(const BirdTarget& target);

// What stands against a carrier being in that state, by the include file and by the tables; empty
// when it is.
std::string why_not(const CarrierView& view, Announce state);

}  // namespace rehome::cutover
