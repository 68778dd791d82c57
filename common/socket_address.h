// Addresses as the socket calls want them, and back.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "common/address.h"

namespace rehome {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

inline int family_of(const Address& address) {
    return address.family == Family::v6 ? AF_INET6 : AF_INET;
}

// With the size that the family takes.
inline SocketAddress to_socket(const Endpoint& endpoint) {
    SocketAddress result;
    const auto bytes = endpoint.address.data();
    if (endpoint.address.family == Family::v6) {
        auto* to = reinterpret_cast<sockaddr_in6*>(&result.storage);
        to->sin6_family = AF_INET6;
        to->sin6_port = htons(endpoint.port);
        std::copy(bytes.begin(), bytes.end(), to->sin6_addr.s6_addr);
        result.size = sizeof(sockaddr_in6);
    } else {
        auto* to = reinterpret_cast<sockaddr_in*>(&result.storage);
        to->sin_family = AF_INET;
        to->sin_port = htons(endpoint.port);
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(&to->sin_addr));
        result.size = sizeof(sockaddr_in);
    }
    return result;
}

inline Address from_bytes(Family family, const void* bytes) {
    Address address;
    address.family = family;
    std::copy_n(static_cast<const uint8_t*>(bytes), address.bits() / 8, address.bytes.begin());
    return address;
}

// Nothing for a family that is neither IPv4 nor IPv6.
inline std::optional<Endpoint> from_socket(const sockaddr* from) {
    if (from->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(from);
        return Endpoint{from_bytes(Family::v4, &v4->sin_addr), ntohs(v4->sin_port)};
    }
    if (from->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(from);
        return Endpoint{from_bytes(Family::v6, &v6->sin6_addr), ntohs(v6->sin6_port)};
    }
    return std::nullopt;
}

}  // namespace rehome
