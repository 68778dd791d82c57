// ICMP echoes (RFC 792, RFC 4443 4): one raw socket a family for all checks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>

#include "common/address.h"
#include "common/fd.h"

namespace rehome::vipd {

class Echoes {
public:
    // Fixed bytes behind an echo's header tell whose it is.
    struct Mark {
        uint32_t id = 0, stamp = 0;
    };
    struct Reply {
        Mark mark;
        Address from;
    };

    explicit Echoes(uint16_t id) : id_(id) {}

    // -1: none was sent yet.
    int fd(Family family) const { return of(family).get(); }
    // 0, or errno.
    int send(const Address& to, const Mark& mark);
    // The next reply to one of ours; nothing: none is there.
    std::optional<Reply> read(Family family) const;

    // Whose an echo is, behind the IP header; nothing: it is too short.
    static std::optional<Mark> mark_of(std::span<const uint8_t> icmp);

private:
    const Fd& of(Family family) const { return family == Family::v4 ? v4_ : v6_; }
    int open(Family family);

    const uint16_t id_;
    Fd v4_, v6_;
};

}  // namespace rehome::vipd
