// How two gateways agree on a key epoch: each draws a nonce and tells the other's back, so that
// both know that the other speaks now.  By no clock, and with nothing kept over a restart.
//
// A gateway tells, with each keepalive, its own nonce and the one that it has last heard of the
// peer, signed by the file's first key (control type 5, big endian):
//
//     0  version = 1 (8)    1  key id (8)    2  ready (8)    3  0 (8)
//     4  own nonce (64)    12  the peer's nonce (64)    20  SipHash-2-4 of what comes before (64)
//
// Who hears back the nonce that it has drawn last takes up the epoch of the two nonces: what it
// heard was said after the drawing.  Who hears anything else, the nonce of a peer that has begun
// anew, draws a nonce of its own and tells that: so a peer that restarts, or both that do, agree
// within two round trips, and an old handshake that somebody sends again makes an epoch at worst,
// at most one every 2 s, and never brings back an old one.
//
// A gateway verifies by an epoch as soon as it is agreed, and signs by it once the peer has said
// that all its workers verify by it (ready); the epoch before is verified by for 10 s more.  An
// epoch lasts an hour, which bounds for how long a recorded packet can be sent again.  A peer that
// says in an accepted keepalive that it has no keys has no epoch.
//
// One peer's; one thread's own, no I/O, no clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vipd/packet/micros.h"
#include "vipd/packet/siphash.h"
#include "vipd/state/key_schedule.h"

namespace rehome::vipd {

struct Handshake {
    uint8_t key_id = 0;
    bool ready = false;
    uint64_t own = 0, theirs = 0;  // the sender's view; theirs 0: it has heard none

    bool operator==(const Handshake&) const = default;
};

std::vector<uint8_t> encode(const Handshake& handshake, const SipKey& key);
// Nothing when it is no handshake of this version.  Nobody has looked at the tag.
std::optional<Handshake> decode_handshake(std::span<const uint8_t> bytes);
// Whether a handshake's bytes are signed by that key.
bool is_signed(std::span<const uint8_t> handshake, const SipKey& key);

// Not 0, from the system's random source.
uint64_t random_nonce();

class Agreement {
public:
    static constexpr Micros settles = 2'000'000;
    static constexpr Micros overlap = 10'000'000;
    static constexpr Micros lasts = 3'600'000'000;
    // Draws a nonce: not 0, and such that nobody can foresee it.
    using Draw = std::function<uint64_t()>;

    // Each says whether something has changed that others have to know.
    bool begin(const Draw& draw);  // where there are keys; again: nothing
    bool hear(const Handshake& handshake, const Draw& draw, Micros now);
    bool acts_on(const std::optional<KeyEpoch>& epoch);  // all workers do
    bool pass(const Draw& draw, Micros now);             // what time brings
    bool end();                                          // the peer has no keys, or we have none
    Micros next_event() const;

    const std::optional<KeyEpoch>& current() const { return current_; }
    const std::optional<KeyEpoch>& previous() const { return previous_; }
    const std::optional<KeyEpoch>& signs_by() const { return signs_by_; }
    bool heard() const { return heard_ != 0; }
    Handshake says(uint8_t key_id) const;

private:
    bool agree(const Handshake& handshake, Micros now);

    uint64_t drawn_ = 0;  // and not told back yet; 0: none
    uint64_t heard_ = 0;  // the peer's, last; 0: none
    std::optional<KeyEpoch> current_, previous_, signs_by_, acted_on_;
    Micros agreed_at_ = 0;
};

}  // namespace rehome::vipd
