// The longest packet that gets to a peer, found by asking (Datagram PLPMTUD, RFC 8899): keepalives
// are small, and say nothing of it.
//
//     verify   what is known to pass, once a second; at first the whole size
//     whole    while less than that is known to pass: the whole size too, once a second
//     search   by halves between what passes and what does not (5.3): as soon as a verify is lost,
//              from the least size on, and every 10 s while the link is narrow
//
// A question is asked again, 50 ms apart, until it is answered; a size counts as lost when none of
// 8 copies (verify) or 4 (the others) was answered in time.  A link that loses every third packet
// loses a verify once in some thousands.  In time is four times what the last answer took, at least
// 200 ms and at most 1 s.  The least size is taken to pass, and not asked about (MIN_PLPMTU).
//
// Bounded: one question at a time.  Pure; no clock of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "common/address.h"
#include "common/vipd_config/config.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/link_probe.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

// The longest packet of a line, and what a gateways' link carries of it: as it is, in the tunnel.
inline constexpr uint16_t line_mtu = 1500;
// tagged: there are keys.
inline constexpr uint16_t whole_link_mtu(Family outer, bool tagged) {
    return static_cast<uint16_t>(line_mtu + tunnel_bytes_max(outer, tagged));
}
// What a port should carry for that.
inline uint16_t full_mtu(const Config& config, size_t port) {
    return config.is_link(port) ? whole_link_mtu(config.tunnel->address.family, config.has_keys())
                                : line_mtu;
}
// What every link carries (RFC 1122 3.3.2; RFC 8200 5).
inline constexpr uint16_t least_link_mtu(Family outer) {
    return outer == Family::v4 ? 576 : 1280;
}

class LinkSize {
public:
    // seed: of the questions' ids, drawn at random.
    LinkSize(Family outer, bool tagged, uint32_t seed)
        : whole_(whole_link_mtu(outer, tagged)), least_(least_link_mtu(outer)), id_(seed) {}

    // What is to be sent now; nothing: nothing yet.
    std::optional<LinkProbe> due(Micros now);
    // When there is something to do again.
    Micros next() const;

    void answered(const LinkProbe& answer, Micros now);
    // Whether that is what was asked last.
    bool asks(uint32_t id) const { return question_ && id == id_; }
    // The peer is down: nothing can be learned, what is known stays.
    void pause();

    // Bytes of an IP packet; 0: nobody knows yet.
    uint16_t passes() const { return passes_; }
    // When the question was asked by whose answer that was known last.
    Micros known_at() const { return known_at_; }

private:
    enum class Asks : uint8_t { verify, whole, search };
    struct Question {
        Asks asks;
        uint16_t size;
        unsigned copies;
        Micros first, last;  // sent
    };

    bool narrow() const { return passes_ != 0 && passes_ < whole_; }
    unsigned copies_at_most() const;
    void ask(Asks asks, uint16_t size, Micros now);
    void settle(bool passed, Micros now);
    void search(uint16_t passing, uint16_t lost, Micros now);
    LinkProbe copy(Micros now);

    uint16_t whole_, least_;
    uint16_t passes_ = 0;
    uint16_t low_ = 0, high_ = 0;  // of a search: passes, does not
    uint32_t id_;
    std::optional<Question> question_;
    Micros patience_ = 1'000'000;
    Micros next_ = 0;          // the next verify
    Micros search_again_ = 0;  // while narrow
    Micros known_at_ = 0;
};

}  // namespace rehome::vipd
