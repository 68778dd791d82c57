#include "vipd/adapter/health/echoes.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <cerrno>

#include "common/socket_address.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

namespace {

constexpr size_t header_bytes = 8;
constexpr size_t echo_bytes = header_bytes + 8;
// ICMP_FILTER, whose header (linux/icmp.h) does not go with libc's.
constexpr int icmp_filter = 1;

}  // namespace

std::optional<Echoes::Mark> Echoes::mark_of(std::span<const uint8_t> icmp) {
    return icmp.size() < echo_bytes
               ? std::nullopt
               : std::optional(Mark{load32(&icmp[header_bytes]), load32(&icmp[header_bytes + 4])});
}

// 0, or errno.
int Echoes::open(Family family) {
    const bool v4 = family == Family::v4;
    Fd& fd = v4 ? v4_ : v6_;
    if (fd) {
        return 0;
    }
    fd = Fd(socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
    if (!fd) {
        return errno;
    }
    if (v4) {
        const uint32_t all_but_replies = ~(1U << ICMP_ECHOREPLY);
        setsockopt(fd.get(), SOL_RAW, icmp_filter, &all_but_replies, sizeof all_but_replies);
    } else {
        icmp6_filter only;
        ICMP6_FILTER_SETBLOCKALL(&only);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
        setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only);
    }
    return 0;
}

int Echoes::send(const Address& to, const Mark& mark) {
    const bool v4 = to.family == Family::v4;
    if (const int error = open(to.family); error != 0) {
        return error;
    }
    std::array<uint8_t, echo_bytes> echo{};
    echo[0] = v4 ? uint8_t{ICMP_ECHO} : uint8_t{ICMP6_ECHO_REQUEST};
    store16(&echo[4], id_);
    store16(&echo[6], static_cast<uint16_t>(mark.stamp));
    store32(&echo[8], mark.id);
    store32(&echo[12], mark.stamp);
    if (v4) {
        store16(&echo[2], fold_checksum(sum_words(echo)));  // the kernel makes ICMPv6's
    }
    SocketAddress at = to_socket({to, 0});
    const auto sent = sendto(fd(to.family), echo.data(), echo.size(), 0, at.get(), at.size);
    return sent < 0 ? errno : 0;
}

std::optional<Echoes::Reply> Echoes::read(Family family) const {
    std::array<uint8_t, 2048> room;
    while (true) {
        SocketAddress from;
        const auto got = recvfrom(fd(family), room.data(), room.size(), 0, from.get(), &from.size);
        if (got < 0) {
            return std::nullopt;
        }
        std::span<const uint8_t> icmp(room.data(), static_cast<size_t>(got));
        // IPv4's header comes with it (raw(7)), IPv6's does not (RFC 3542 3).
        const size_t header = family == Family::v4 && !icmp.empty() ? (icmp[0] & 15U) * 4U : 0;
        icmp = icmp.subspan(std::min(header, icmp.size()));
        const auto mark = mark_of(icmp);
        const auto source = from_socket(from.get());
        if (mark && source && load16(&icmp[4]) == id_) {
            return Reply{*mark, source->address};
        }
    }
}

}  // namespace rehome::vipd
